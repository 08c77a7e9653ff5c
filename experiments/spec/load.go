package spec

import (
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"gauntlet/experiments"
	"gauntlet/loadgen"
)

// Defaults of a load that does not say otherwise.
const (
	defaultTimeout     = time.Second
	defaultLimit       = 500 * time.Millisecond
	defaultConnections = 64  // at least so many
	defaultCatchUp     = 1.2 // no more than a fifth above the load itself
	defaultUsers       = 50
	defaultWeight      = 1
	defaultMethod      = "GET"
)

var (
	workloadKeys = []string{"rate", "timeout", "limit", "connections", "users", "login", "ops"}
	loadKeys     = append([]string{"workload"}, workloadKeys...)
	requestKeys  = []string{"method", "path", "headers", "body"}
	opKeys       = append([]string{"name", "class", "weight", "ledger"}, requestKeys...)
	methods      = []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
)

var (
	word        = regexp.MustCompile(`^[a-z][a-z0-9_-]*$`)            // of names that become parts of metric names
	headerName  = regexp.MustCompile("^[0-9A-Za-z!#$%&'*+.^_`|~-]+$") // token of RFC 9110
	usesID      = regexp.MustCompile(`\{\{\s*id\s*\}\}`)
	usesToken   = regexp.MustCompile(`\{\{\s*token\s*\}\}`)
	inHeader    = regexp.MustCompile(`[\x00-\x08\x0a-\x1f\x7f]`) // may not stand in a header's value
	retryHeader = regexp.MustCompile(`(?i)^(X-)?Idempotency-Key$`)
)

// load reads the load: a named workload, written out, or a workload with some values replaced.
func (p *problems) load(o object) (loadgen.Profile, string) {
	prof := loadgen.Profile{Timeout: defaultTimeout, Limit: defaultLimit, Connections: defaultConnections, Users: defaultUsers, CatchUp: defaultCatchUp}
	if !o.has("load") {
		p.required(o, "load", "write load: {workload: reference}")
		return prof, ""
	}
	w := p.object(o.values["load"], "load", slices.Concat(loadKeys, moreLoadKeys)...)
	name := p.text(w, "workload")
	if name != "" {
		prof = p.workload(w, name, prof)
	}
	prof = p.profile(w, prof)
	if !w.has("connections") && prof.Rate > 0 && len(prof.Ops) > 0 {
		prof.Connections = max(prof.Connections, min(prof.EnoughConnections(), maxOwnConnections))
	}
	if w.has("workload") {
		return prof, name
	}
	if w.lacks("ops") && !w.silent["workload"] {
		p.at(w.node, "name a workload, such as {workload: reference}, or write ops out", "the load has no operations")
	}
	if w.has("ops") {
		p.required(w, "rate", "write it like rate: 200/s")
	}
	return prof, name
}

// workload reads a named workload of the catalogue.
func (p *problems) workload(o object, name string, prof loadgen.Profile) loadgen.Profile {
	text, err := fs.ReadFile(experiments.FS, "workloads/"+name+".yaml")
	if err != nil {
		p.at(o.where("workload"), among("there are", name, Workloads()), "unknown workload %q", name)
		return prof
	}
	inner := &problems{file: "experiments/workloads/" + name + ".yaml"}
	if root, ok := inner.document(text); ok {
		w := inner.object(root, "workload", slices.Concat(workloadKeys, moreLoadKeys)...)
		inner.required(w, "rate", "write it like rate: 200/s")
		prof = inner.profile(w, prof)
	}
	p.all = append(p.all, inner.all...)
	return prof
}

// Workloads are the names of the loads that the catalogue has.
func Workloads() []string {
	found, _ := fs.Glob(experiments.FS, "workloads/*.yaml") // the pattern is a constant
	for i, f := range found {
		found[i] = strings.TrimSuffix(path.Base(f), ".yaml")
	}
	return found
}

// profile reads what is written and keeps the rest of prof.
func (p *problems) profile(o object, prof loadgen.Profile) loadgen.Profile {
	prof.Rate = p.rate(o, "rate", prof.Rate)
	prof.Timeout = p.duration(o, "timeout", prof.Timeout, 10*time.Millisecond, time.Minute)
	prof.Limit = p.duration(o, "limit", prof.Limit, time.Millisecond, time.Minute)
	prof.Connections = int(p.integer(o, "connections", int64(prof.Connections), 1, 10_000))
	prof.Users = int(p.integer(o, "users", int64(prof.Users), 1, 100_000))
	if prof.Limit > prof.Timeout {
		p.at(o.where("limit"), "make the limit shorter than the timeout", "limit %s is longer than the timeout %s: no answer could be slow", prof.Limit, prof.Timeout)
	}
	if o.has("login") {
		r := p.login(o)
		prof.Login = &r
	}
	if o.has("ops") {
		prof.Ops = p.ops(o, prof.Login != nil)
	}
	p.more(o, &prof)
	return prof
}

func (p *problems) login(o object) loadgen.Request {
	w := p.object(o.values["login"], "login", requestKeys...)
	r := p.request(w)
	if mentions(r, usesToken) {
		p.at(w.node, "send the name and password of {{user}} instead", "login uses the {{token}} that it is to bring")
	}
	return r
}

func (p *problems) ops(o object, login bool) []loadgen.Op {
	nodes := p.list(o, "ops")
	if len(nodes) == 0 && resolve(o.values["ops"]).Kind == yaml.SequenceNode {
		p.at(o.where("ops"), "write at least one operation", "the load has no operations")
	}
	var out []loadgen.Op
	first := map[string]int{}
	for _, n := range nodes {
		w := p.object(n, "operation", slices.Concat(opKeys, moreOpKeys)...)
		op := p.op(w, login)
		if line := first[op.Name]; line != 0 && op.Name != "" {
			p.at(w.where("name"), "give each its own name", "operation %q is there twice, first on line %d", op.Name, line)
		}
		first[op.Name] = n.Line
		out = append(out, op)
	}
	return out
}

// op reads an operation. login says whether there are tokens.
func (p *problems) op(o object, login bool) loadgen.Op {
	before := len(p.all)
	op := loadgen.Op{
		Name: p.word(o, "name", "name it, such as name: feed"), Class: p.word(o, "class", "say read, write or session"),
		Weight: p.number(o, "weight", defaultWeight), Ledger: p.boolean(o, "ledger"), Request: p.request(o),
	}
	p.moreOp(o, &op)
	sends := mentions(op.Request, usesID)
	switch {
	case len(p.all) > before || o.broken: // what was meant is not known
	case op.Ledger && !sends:
		p.at(o.node, "put {{id}} into its path, a header or the body", "operation %q is in the ledger but does not send its {{id}}", op.Name)
	case sends && !op.Ledger:
		p.at(o.node, "write ledger: true, or use {{rand N}}", "operation %q sends an {{id}} but is not in the ledger", op.Name)
	case !login && mentions(op.Request, usesToken):
		p.at(o.node, "give the load a login: a request whose answer has a \"token\"", "operation %q uses {{token}}, but nobody logs in", op.Name)
	}
	return op
}

// word reads a name that can be part of a metric's name.
func (p *problems) word(o object, key, mend string) string {
	s := p.required(o, key, mend)
	if s != "" && !word.MatchString(s) {
		p.at(o.where(key), "write small letters, digits, - and _, a letter first", "%s: %q is not a plain name", key, s)
	}
	return s
}

func (p *problems) request(o object) loadgen.Request {
	r := loadgen.Request{Method: defaultMethod, Path: p.required(o, "path", "write it like path: /feed"), Body: p.text(o, "body"), Header: p.headers(o)}
	if s, ok := p.scalar(o, "method"); ok {
		r.Method = strings.ToUpper(s)
		if !slices.Contains(methods, r.Method) {
			p.at(o.where("method"), among("there are", r.Method, methods), "unknown method %q", s)
		}
	}
	if r.Path != "" && !strings.HasPrefix(r.Path, "/") && !strings.HasPrefix(r.Path, "{{session ") {
		p.at(o.where("path"), "begin it with /; the host is the topology's entry", "path %q is not absolute", r.Path)
	}
	if err := r.Check(); err != nil {
		p.at(o.node, "mend the variable, or leave its braces out", "%v", err)
	}
	return r
}

func (p *problems) headers(o object) map[string]string {
	out := map[string]string{}
	if !o.has("headers") {
		return out
	}
	n := resolve(o.values["headers"])
	if n.Kind != yaml.MappingNode {
		p.at(o.where("headers"), "write it like headers: {Content-Type: application/json}", "headers must be a mapping")
		return out
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		name, value := n.Content[i], resolve(n.Content[i+1])
		_, twice := out[name.Value]
		switch {
		case twice:
			p.at(name, "keep one of them", "header %q is there twice", name.Value)
		case name.Kind != yaml.ScalarNode || !headerName.MatchString(name.Value):
			p.at(name, "write it like Content-Type", "%q can't be a header's name", name.Value)
		case retryHeader.MatchString(name.Value):
			p.at(name, "send the id in another header, such as X-Op-Id", "header %q would let Go's HTTP client repeat writes unseen", name.Value)
		case value.Kind != yaml.ScalarNode || inHeader.MatchString(value.Value):
			p.at(n.Content[i+1], "write one line of text; quote it if it begins with { or [", "header %q must have a single value", name.Value)
		}
		out[name.Value] = value.Value
	}
	return out
}

// mentions says whether the pattern occurs where variables are filled in.
func mentions(r loadgen.Request, pattern *regexp.Regexp) bool {
	if pattern.MatchString(r.Path) || pattern.MatchString(r.Body) {
		return true
	}
	for _, v := range r.Header {
		if pattern.MatchString(v) {
			return true
		}
	}
	return false
}

// classes are the operation classes of a load, each once, in order of appearance.
func classes(prof loadgen.Profile) []string {
	var out []string
	for _, op := range prof.Ops {
		if op.Class != "" && !slices.Contains(out, op.Class) {
			out = append(out, op.Class)
		}
	}
	return out
}
