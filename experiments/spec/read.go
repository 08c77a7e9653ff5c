package spec

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// object is a YAML mapping whose keys are known.
type object struct {
	node   *yaml.Node
	what   string                // names it in errors
	values map[string]*yaml.Node // what was written, by key; keys without a value are left out
	silent map[string]bool       // keys that were complained about already, so that they are not called missing too
	broken bool                  // it is no mapping, which was complained about
}

// object reads a mapping strictly. what names it in errors; keys are the allowed ones.
func (p *problems) object(n *yaml.Node, what string, keys ...string) object {
	o := object{node: n, what: what, values: map[string]*yaml.Node{}, silent: map[string]bool{}}
	n = resolve(n)
	if n.Kind != yaml.MappingNode {
		p.at(o.node, fmt.Sprintf("write {%s: ...}", keys[0]), "%s must be a mapping", what)
		o.broken = true
		return o
	}
	first := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		switch {
		case !slices.Contains(keys, key.Value):
			p.unknownKey(key, what, keys, o)
		case first[key.Value] != 0:
			p.at(key, "keep one of them", "key %q is there twice in %s, first on line %d", key.Value, what, first[key.Value])
		case isNull(value):
			p.at(key, "give it a value or remove it", "%s has no value in %s", key.Value, what)
			o.silent[key.Value] = true
		default:
			o.values[key.Value] = value
		}
		first[key.Value] = key.Line
	}
	return o
}

// unknownKey complains. The key that was probably meant is then not called missing too.
func (p *problems) unknownKey(key *yaml.Node, what string, keys []string, o object) {
	near := nearest(key.Value, keys)
	mend := fmt.Sprintf("did you mean %q?", near)
	if near == "" {
		mend = "known keys: " + strings.Join(keys, ", ")
	}
	o.silent[near] = true
	p.at(key, mend, "unknown key %q in %s", key.Value, what)
}

func isNull(n *yaml.Node) bool {
	n = resolve(n)
	return n.Kind == yaml.ScalarNode && n.Tag == "!!null"
}

// resolve follows aliases. An alias of an alias can't be written; the bound is against the parser's mistakes.
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
func (o object) has(key string) bool { return o.values[key] != nil }

// lacks says whether the key is missing and nobody has complained about that yet.
func (o object) lacks(key string) bool { return !o.has(key) && !o.silent[key] && !o.broken }

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
		p.at(o.where(key), "write it like "+key+": [...]", "%s must be a list", key)
		return nil
	}
	return n.Content
}

// scalar reads a single value as text; false if it is missing or, which it complains about, none.
func (p *problems) scalar(o object, key string) (string, bool) {
	if !o.has(key) {
		return "", false
	}
	n := resolve(o.values[key])
	if n.Kind != yaml.ScalarNode {
		p.at(o.where(key), "write one value", "%s must be a single value", key)
		return "", false
	}
	return strings.TrimSpace(n.Value), true
}

// text is scalar for callers that take "" for missing.
func (p *problems) text(o object, key string) string {
	s, _ := p.scalar(o, key)
	return s
}

// required reads a text that must be there.
func (p *problems) required(o object, key, mend string) string {
	s, ok := p.scalar(o, key)
	switch {
	case o.lacks(key):
		p.at(o.node, mend, "%s is missing", key)
	case ok && s == "":
		p.at(o.where(key), mend, "%s is empty", key)
	}
	return s
}

// duration reads a time such as 30s. low and high bound it, both included. It is fallback if missing or wrong.
func (p *problems) duration(o object, key string, fallback, low, high time.Duration) time.Duration {
	s, ok := p.scalar(o, key)
	if !ok {
		return fallback
	}
	d, err := time.ParseDuration(s)
	if err != nil {
		p.at(o.where(key), durationMend(s), "%s: %q is not a time", key, s)
		return fallback
	}
	if d < low || d > high {
		p.at(o.where(key), fmt.Sprintf("write %s to %s", short(low), short(high)), "%s: %s is out of range", key, s)
		return fallback
	}
	return d
}

func durationMend(s string) string {
	if _, err := strconv.ParseFloat(s, 64); err == nil {
		return "add a unit: " + s + "s or " + s + "ms"
	}
	if joined := strings.ReplaceAll(s, " ", ""); joined != s {
		if _, err := time.ParseDuration(joined); err == nil {
			return "write it without blanks: " + joined
		}
	}
	return "write it like 30s, 500ms or 1m30s"
}

// short prints a time without the zeros that Duration.String adds: 1h, not 1h0m0s.
func short(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// integer reads a whole number between low and high, both included.
func (p *problems) integer(o object, key string, fallback, low, high int64) int64 {
	s, ok := p.scalar(o, key)
	if !ok {
		return fallback
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < low || n > high {
		p.at(o.where(key), fmt.Sprintf("write a whole number from %d to %d", low, high), "%s: %q does not fit", key, s)
		return fallback
	}
	return n
}

// number reads a finite number greater than zero.
func (p *problems) number(o object, key string, fallback float64) float64 {
	s, ok := p.scalar(o, key)
	if !ok {
		return fallback
	}
	x, err := strconv.ParseFloat(s, 64)
	if err != nil || !(x > 0) || math.IsInf(x, 0) {
		p.at(o.where(key), "write a number greater than 0", "%s: %q does not fit", key, s)
		return fallback
	}
	return x
}

// rate reads requests per second, such as 200/s.
func (p *problems) rate(o object, key string, fallback float64) float64 {
	s, ok := p.scalar(o, key)
	if !ok {
		return fallback
	}
	count, unit := strings.CutSuffix(strings.ReplaceAll(s, " ", ""), "/s")
	x, err := strconv.ParseFloat(count, 64)
	switch {
	case !unit && err == nil:
		p.at(o.where(key), "write "+s+"/s", "%s: %q has no unit", key, s)
	case err != nil || !(x > 0) || x > maxRate:
		p.at(o.where(key), fmt.Sprintf("write it like 200/s; more than 0 and at most %d/s", maxRate), "%s: %q is not a rate", key, s)
	default:
		return x
	}
	return fallback
}

// maxRate is far above what one generator process can send.
const maxRate = 1_000_000

// boolean reads true or false.
func (p *problems) boolean(o object, key string) bool {
	s, ok := p.scalar(o, key)
	if ok && s != "true" && s != "false" {
		p.at(o.where(key), "write true or false", "%s: %q is neither true nor false", key, s)
	}
	return s == "true"
}
