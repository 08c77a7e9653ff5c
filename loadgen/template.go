package loadgen

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

// ErrVariable is wrapped by every complaint about a template variable.
var ErrVariable = errors.New("bad template variable")

type partKind uint8

const (
	partText partKind = iota
	partID
	partUser
	partToken
	partRand
)

// part is a piece of a template: literal text or one variable.
type part struct {
	kind partKind
	text string
	max  uint64 // partRand: drawn from 1..max
	slot uint64 // partRand: which draw of the request this is
}

type template []part

// values are what the variables of one request stand for.
type values struct {
	id    uint64
	user  int
	token string
	dice  dice
}

// Check says whether all variables in path, header values and body are known and well-formed. The error wraps ErrVariable.
func (r Request) Check() error {
	_, err := compile(r)
	return err
}

// request is a Request with its templates parsed once.
type request struct {
	method string
	path   template
	header map[string]template
	body   template
	uses   [partRand + 1]bool
}

func compile(r Request) (request, error) {
	out := request{method: r.Method, header: map[string]template{}}
	if out.method == "" {
		out.method = "GET"
	}
	var slot uint64
	var err error
	if out.path, err = parse(r.Path, &slot); err != nil {
		return request{}, fmt.Errorf("path: %w", err)
	}
	if out.body, err = parse(r.Body, &slot); err != nil {
		return request{}, fmt.Errorf("body: %w", err)
	}
	for _, name := range sortedKeys(r.Header) { // sorted: the slots of {{rand}} must not depend on the map's order
		if out.header[name], err = parse(r.Header[name], &slot); err != nil {
			return request{}, fmt.Errorf("header %s: %w", name, err)
		}
	}
	out.note(out.path)
	out.note(out.body)
	for _, t := range out.header {
		out.note(t)
	}
	return out, nil
}

func (r *request) note(t template) {
	for _, p := range t {
		r.uses[p.kind] = true
	}
}

// parse splits text at its variables. Each {{rand N}} gets a slot of its own, so that two of them differ.
func parse(text string, slot *uint64) (template, error) {
	var out template
	for {
		before, rest, found := strings.Cut(text, "{{")
		if before != "" {
			out = append(out, part{text: before})
		}
		if !found {
			return out, nil
		}
		name, after, closed := strings.Cut(rest, "}}")
		if !closed {
			return nil, fmt.Errorf("%w: {{%s is never closed, add }}", ErrVariable, shorten(rest))
		}
		p, err := variable(name)
		if err != nil {
			return nil, err
		}
		if p.kind == partRand {
			*slot++
			p.slot = *slot
		}
		out, text = append(out, p), after
	}
}

func variable(name string) (part, error) {
	words := strings.Fields(name)
	if len(words) == 1 {
		switch words[0] {
		case "id":
			return part{kind: partID}, nil
		case "user":
			return part{kind: partUser}, nil
		case "token":
			return part{kind: partToken}, nil
		}
	}
	if len(words) > 0 && words[0] == "rand" {
		if len(words) == 2 {
			if n, err := strconv.ParseUint(words[1], 10, 63); err == nil && n > 0 {
				return part{kind: partRand, max: n}, nil
			}
		}
		return part{}, fmt.Errorf("%w: {{%s}}, write {{rand N}} with a whole number N >= 1", ErrVariable, shorten(name))
	}
	return part{}, fmt.Errorf("%w: {{%s}} is unknown, use {{id}}, {{user}}, {{token}} or {{rand N}}", ErrVariable, shorten(name))
}

func shorten(s string) string {
	if len(s) > 20 {
		return s[:20] + "..."
	}
	return s
}

// fixed says whether the template has no variable.
func (t template) fixed() bool {
	return len(t) == 0 || (len(t) == 1 && t[0].kind == partText)
}

// text renders the template. In a path the token is escaped; the other variables are numbers.
func (t template) text(v values, inPath bool) string {
	if len(t) == 0 {
		return ""
	}
	if t.fixed() {
		return t[0].text
	}
	out := make([]byte, 0, 128)
	for _, p := range t {
		switch p.kind {
		case partText:
			out = append(out, p.text...)
		case partID:
			out = strconv.AppendUint(out, v.id, 10)
		case partUser:
			out = strconv.AppendInt(out, int64(v.user), 10)
		case partRand:
			out = strconv.AppendUint(out, 1+v.dice.roll(p.slot)%p.max, 10)
		case partToken:
			if inPath {
				out = append(out, url.QueryEscape(v.token)...)
			} else {
				out = append(out, v.token...)
			}
		}
	}
	return string(out)
}

// dice gives the chance of one request: a function of (seed, op, seq) and the slot asked for, never of time or order.
type dice uint64

func newDice(seed uint64, op int, seq uint64) dice {
	return dice(mix(mix(seed^uint64(op+1)*0x9e3779b97f4a7c15) + seq))
}

// roll is a uniform number for the slot. The modulo of callers has a bias below 2^-40 for the ranges of a workload.
func (d dice) roll(slot uint64) uint64 { return mix(uint64(d) + (slot+1)*0x9e3779b97f4a7c15) }

// mix is the finaliser of splitmix64 (Steele, Lea and Flood, 2014).
func mix(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}
