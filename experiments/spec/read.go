package spec

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// object is a YAML mapping whose keys are known: value nodes by key.
type object struct {
	node   *yaml.Node
	values map[string]*yaml.Node
}

// object reads a mapping strictly. what names it in errors; keys are the allowed ones.
func (p *problems) object(n *yaml.Node, what string, keys ...string) object {
	o := object{node: n, values: map[string]*yaml.Node{}}
	n = resolve(n)
	if n.Kind != yaml.MappingNode {
		p.at(n, fmt.Sprintf("write {%s: ...}", keys[0]), "%s must be a mapping", what)
		return o
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		switch {
		case !contains(keys, key.Value):
			p.at(key, among("known keys", key.Value, keys), "unknown key %q in %s", key.Value, what)
		case o.values[key.Value] != nil:
			p.at(key, "keep one", "key %q is there twice in %s", key.Value, what)
		default:
			o.values[key.Value] = value
		}
	}
	return o
}

func contains(all []string, s string) bool {
	for _, a := range all {
		if a == s {
			return true
		}
	}
	return false
}

func resolve(n *yaml.Node) *yaml.Node {
	for range 100 {
		if n.Kind != yaml.AliasNode || n.Alias == nil {
			break
		}
		n = n.Alias
	}
	return n
}

// has says whether the key is there with a value.
func (o object) has(key string) bool {
	n := o.values[key]
	return n != nil && !(n.Kind == yaml.ScalarNode && n.Tag == "!!null")
}

// where is the node to point at for a key: its value, or the object if it is missing.
func (o object) where(key string) *yaml.Node {
	if n := o.values[key]; n != nil {
		return n
	}
	return o.node
}

// list returns the elements of a sequence.
func (p *problems) list(o object, key string) []*yaml.Node {
	if !o.has(key) {
		return nil
	}
	n := resolve(o.values[key])
	if n.Kind != yaml.SequenceNode {
		p.at(n, "write a list: ["+key+"...]", "%s must be a list", key)
		return nil
	}
	return n.Content
}

// text reads a scalar as text.
func (p *problems) text(o object, key string) string {
	if !o.has(key) {
		return ""
	}
	n := resolve(o.values[key])
	if n.Kind != yaml.ScalarNode {
		p.at(n, "write one value", "%s must be a single value", key)
		return ""
	}
	return strings.TrimSpace(n.Value)
}

// required reads a text that must be there.
func (p *problems) required(o object, key, mend string) string {
	s := p.text(o, key)
	if s == "" && (!o.has(key) || resolve(o.values[key]).Kind == yaml.ScalarNode) {
		p.at(o.where(key), mend, "%s is missing", key)
	}
	return s
}

// duration reads a time such as 30s. low and high bound it, both included.
func (p *problems) duration(o object, key string, fallback, low, high time.Duration) time.Duration {
	if !o.has(key) {
		return fallback
	}
	s := p.text(o, key)
	d, err := time.ParseDuration(s)
	if err != nil {
		p.at(o.where(key), durationMend(s), "%s: %q is not a time", key, s)
		return fallback
	}
	if d < low || d > high {
		p.at(o.where(key), fmt.Sprintf("%s to %s is possible", low, high), "%s: %s is out of range", key, s)
		return fallback
	}
	return d
}

func durationMend(s string) string {
	if _, err := strconv.ParseFloat(s, 64); err == nil {
		return "add a unit: " + s + "s or " + s + "ms"
	}
	return "write it like 30s, 500ms or 1m30s"
}

// integer reads a whole number between low and high, both included.
func (p *problems) integer(o object, key string, fallback, low, high int64) int64 {
	if !o.has(key) {
		return fallback
	}
	s := p.text(o, key)
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < low || n > high {
		p.at(o.where(key), fmt.Sprintf("write a whole number from %d to %d", low, high), "%s: %q does not fit", key, s)
		return fallback
	}
	return n
}

// number reads a finite number greater than zero.
func (p *problems) number(o object, key string) float64 {
	s := p.text(o, key)
	x, err := strconv.ParseFloat(s, 64)
	if err != nil || !(x > 0) || math.IsInf(x, 0) {
		p.at(o.where(key), "write a number greater than 0", "%s: %q does not fit", key, s)
		return 1
	}
	return x
}

// rate reads requests per second, such as 200/s.
func (p *problems) rate(o object, key string, fallback float64) float64 {
	if !o.has(key) {
		return fallback
	}
	s := p.text(o, key)
	count, ok := strings.CutSuffix(strings.ReplaceAll(s, " ", ""), "/s")
	x, err := strconv.ParseFloat(count, 64)
	switch {
	case !ok && err == nil:
		p.at(o.where(key), "write "+s+"/s", "%s: %q has no unit", key, s)
	case err != nil || !(x > 0) || x > maxRate:
		p.at(o.where(key), fmt.Sprintf("write it like 200/s; up to %d/s", maxRate), "%s: %q is not a rate", key, s)
	default:
		return x
	}
	return fallback
}

// maxRate is far above what one generator process can send.
const maxRate = 1_000_000

// boolean reads true or false.
func (p *problems) boolean(o object, key string) bool {
	switch s := p.text(o, key); s {
	case "true":
		return true
	case "", "false":
		return false
	default:
		p.at(o.where(key), "write true or false", "%s: %q is neither true nor false", key, s)
		return false
	}
}
