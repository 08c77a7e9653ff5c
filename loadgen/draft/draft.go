package draft

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"gauntlet/loadgen"
)

// ErrDraft is wrapped by every complaint about a document that no mix can be made of.
var ErrDraft = errors.New("no load can be drafted")

// Draft is a first mix.
type Draft struct {
	Base  string // such as http://127.0.0.1:8080/v1; "" if the document does not say
	Ops   []loadgen.Op
	Notes []string // what was left out or must be looked at, a sentence each
}

// The weights of what reads and of what writes: most systems mostly read.
const (
	readWeight  = 10
	writeWeight = 1
)

// maxOps bounds a mix: with more no operation has a rate that tells anything.
const maxOps = 50

// add adds an operation under a name of its own, or says why it can't.
func (d *Draft) add(name string, weight float64, r loadgen.Request) {
	if len(d.Ops) == maxOps {
		d.note("%s %s is left out: a mix has at most %d operations", r.Method, r.Path, maxOps)
		return
	}
	if err := r.Check(); err != nil {
		d.note("%s %s is left out: %v", r.Method, r.Path, err)
		return
	}
	class := "write"
	if reads(r.Method) {
		class = "read"
	}
	d.Ops = append(d.Ops, loadgen.Op{Name: d.unique(plain(name)), Class: class, Weight: weight, Request: r})
}

func (d *Draft) note(format string, args ...any) {
	d.Notes = append(d.Notes, fmt.Sprintf(format, args...))
}

func reads(method string) bool { return method == "GET" || method == "HEAD" || method == "OPTIONS" }

var notPlain = regexp.MustCompile(`[^a-z0-9]+`)
var hump = regexp.MustCompile(`([a-z0-9])([A-Z])`)

// plain is a name of small letters, digits and -, a letter first.
func plain(name string) string {
	s := strings.Trim(notPlain.ReplaceAllString(strings.ToLower(hump.ReplaceAllString(name, "$1-$2")), "-"), "-")
	if s == "" || s[0] < 'a' {
		s = "op-" + s
	}
	if len(s) > 40 {
		s = s[:40]
	}
	return strings.TrimRight(s, "-")
}

func (d *Draft) unique(name string) string {
	taken := func(s string) bool {
		for _, op := range d.Ops {
			if op.Name == s {
				return true
			}
		}
		return false
	}
	out := name
	for n := 2; taken(out); n++ {
		out = name + "-" + strconv.Itoa(n)
	}
	return out
}

// YAML is the draft as a file for gauntlet load, with the notes as comments.
func (d Draft) YAML() string {
	var b strings.Builder
	b.WriteString("# A first mix. Look at the weights, the ids and the bodies, then raise the rate.\n")
	for _, n := range d.Notes {
		fmt.Fprintf(&b, "# %s\n", strings.Join(strings.Fields(n), " "))
	}
	base := d.Base
	if base == "" {
		base = "http://127.0.0.1:8080"
	}
	fmt.Fprintf(&b, "base: %s\nrate: 10/s\ntimeout: 1s\nlimit: 500ms\nops:\n", quote(base))
	for _, op := range d.Ops {
		fmt.Fprintf(&b, "  - name: %s\n    class: %s\n    weight: %s\n    method: %s\n    path: %s\n", op.Name, op.Class,
			strconv.FormatFloat(op.Weight, 'f', -1, 64), op.Request.Method, quote(op.Request.Path))
		if len(op.Request.Header) > 0 {
			b.WriteString("    headers:\n")
			for _, k := range sorted(op.Request.Header) {
				fmt.Fprintf(&b, "      %s: %s\n", k, quote(op.Request.Header[k]))
			}
		}
		if op.Request.Body != "" {
			fmt.Fprintf(&b, "    body: %s\n", quote(op.Request.Body))
		}
	}
	return b.String()
}

// quote writes a text as JSON does, which is YAML too.
func quote(s string) string {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(s) // a string can always be encoded
	return strings.TrimSuffix(b.String(), "\n")
}
