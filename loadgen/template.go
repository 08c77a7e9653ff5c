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
	partSession
	partData
	partRand
)

// part is a piece of a template: literal text or one variable.
type part struct {
	kind partKind
	text string
	max  uint64 // partRand: drawn from 1..max
	slot uint64 // partRand: which draw of the request this is

	column string // partData: of the feed that text names
	feed   *Feed
	field  int
}

type template []part

// values are what the variables of one request stand for.
type values struct {
	id       uint64
	number   uint64 // of the request in its schedule
	user     int
	token    string
	dice     dice
	session  dice // of the whole session; that of a single request is its own
	captured map[string]string
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
	for _, p := range out.parts() {
		out.uses[p.kind] = true
	}
	return out, nil
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
	if len(words) == 2 && words[0] == "session" {
		return part{kind: partSession, text: words[1]}, nil
	}
	if len(words) == 3 && words[0] == "data" {
		return part{kind: partData, text: words[1], column: words[2]}, nil
	}
	if len(words) > 0 && words[0] == "rand" {
		if len(words) == 2 {
			if n, err := strconv.ParseUint(words[1], 10, 63); err == nil && n > 0 {
				return part{kind: partRand, max: n}, nil
			}
		}
		return part{}, fmt.Errorf("%w: {{%s}}, write {{rand N}} with a whole number N >= 1", ErrVariable, shorten(name))
	}
	if len(words) > 0 && (words[0] == "session" || words[0] == "data") {
		return part{}, fmt.Errorf("%w: {{%s}}, write {{session NAME}} or {{data FEED COLUMN}}", ErrVariable, shorten(name))
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

// text renders the template. In a path texts are escaped; the other variables are numbers. A captured
// value that begins a path is a path itself, as a Location header is.
func (t template) text(v values, inPath bool) string {
	if len(t) == 0 {
		return ""
	}
	if t.fixed() {
		return t[0].text
	}
	out := make([]byte, 0, 128)
	for i, p := range t {
		switch p.kind {
		case partText:
			out = append(out, p.text...)
		case partID:
			out = strconv.AppendUint(out, v.id, 10)
		case partUser:
			out = strconv.AppendInt(out, int64(v.user), 10)
		case partRand:
			out = strconv.AppendUint(out, 1+v.dice.roll(p.slot)%p.max, 10)
		default:
			text := p.value(v)
			switch {
			case inPath && i == 0 && p.kind == partSession:
				text = route(text)
			case inPath:
				text = url.QueryEscape(text)
			}
			out = append(out, text...)
		}
	}
	return string(out)
}

// route is the path and query of a link.
func route(link string) string {
	u, err := url.Parse(link)
	if err != nil || !strings.HasPrefix(u.RequestURI(), "/") {
		return "/"
	}
	return u.RequestURI()
}

// value is the text of a variable that is not a number.
func (p part) value(v values) string {
	switch p.kind {
	case partToken:
		return v.token
	case partSession:
		return v.captured[p.text]
	default:
		if p.feed == nil {
			return ""
		}
		return p.feed.value(v, p.field)
	}
}

// filled says whether each captured value that the request uses is there.
func (r *request) filled(captured map[string]string) bool {
	if !r.uses[partSession] {
		return true
	}
	for _, p := range r.parts() {
		if p.kind == partSession && captured[p.text] == "" {
			return false
		}
	}
	return true
}

// parts are all parts of a request, to be read or filled in.
func (r *request) parts() []*part {
	var out []*part
	all := []template{r.path, r.body}
	for _, name := range sortedKeys(r.header) {
		all = append(all, r.header[name])
	}
	for _, t := range all {
		for i := range t {
			out = append(out, &t[i])
		}
	}
	return out
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
