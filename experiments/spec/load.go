package spec

import (
	"io/fs"
	"path"
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
	defaultConnections = 64
	defaultUsers       = 50
)

var loadKeys = []string{"rate", "timeout", "limit", "connections", "users", "login", "ops"}

// load reads the load: a named workload, written out, or a workload with some values replaced.
func (p *problems) load(o object) (loadgen.Profile, string) {
	prof := loadgen.Profile{Timeout: defaultTimeout, Limit: defaultLimit, Connections: defaultConnections, Users: defaultUsers}
	if !o.has("load") {
		p.at(o.where("load"), "write load: {workload: reference}", "load is missing")
		return prof, ""
	}
	w := p.object(o.values["load"], "load", append([]string{"workload"}, loadKeys...)...)
	name := p.text(w, "workload")
	if name != "" {
		prof = p.workload(w, name, prof)
	}
	prof = p.profile(w, prof)
	if len(prof.Ops) == 0 && name == "" && !w.has("ops") {
		p.at(w.node, "name a workload or write ops out", "the load has no operations")
	}
	if prof.Rate == 0 && (name == "" || len(prof.Ops) > 0) {
		p.at(w.where("rate"), "write it like rate: 200/s", "the load has no rate")
	}
	return prof, name
}

// workload reads a named workload of the catalogue.
func (p *problems) workload(o object, name string, prof loadgen.Profile) loadgen.Profile {
	text, err := fs.ReadFile(experiments.FS, "workloads/"+name+".yaml")
	if err != nil {
		p.at(o.where("workload"), among("there are", name, workloads()), "unknown workload %q", name)
		return prof
	}
	inner := &problems{file: "workloads/" + name + ".yaml"}
	if root, ok := inner.document(text); ok {
		prof = inner.profile(inner.object(root, "a workload", loadKeys...), prof)
	}
	p.all = append(p.all, inner.all...)
	return prof
}

// workloads are the names in the catalogue.
func workloads() []string {
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
		r := p.request(p.object(o.values["login"], "login", "method", "path", "headers", "body"))
		prof.Login = &r
	}
	if nodes := p.list(o, "ops"); nodes != nil {
		prof.Ops = p.ops(nodes)
	}
	return prof
}

func (p *problems) ops(nodes []*yaml.Node) []loadgen.Op {
	var out []loadgen.Op
	seen := map[string]bool{}
	for _, n := range nodes {
		o := p.object(n, "an operation", "name", "class", "weight", "ledger", "method", "path", "headers", "body")
		op := loadgen.Op{
			Name: p.required(o, "name", "name it, such as name: feed"), Class: p.required(o, "class", "say read, write or session"),
			Weight: 1, Ledger: p.boolean(o, "ledger"), Request: p.request(o),
		}
		if o.has("weight") {
			op.Weight = p.number(o, "weight")
		}
		if seen[op.Name] {
			p.at(o.where("name"), "give each its own name", "operation %q is there twice", op.Name)
		}
		seen[op.Name] = true
		if op.Ledger && !mentions(op.Request, "{{id}}") {
			p.at(n, "put {{id}} into its path, a header or the body", "operation %q is in the ledger but does not send its {{id}}", op.Name)
		}
		out = append(out, op)
	}
	return out
}

func (p *problems) request(o object) loadgen.Request {
	r := loadgen.Request{Method: strings.ToUpper(p.text(o, "method")), Path: p.required(o, "path", "write it like path: /feed"), Body: p.text(o, "body"), Header: map[string]string{}}
	if r.Method == "" {
		r.Method = "GET"
	}
	if r.Path != "" && !strings.HasPrefix(r.Path, "/") {
		p.at(o.where("path"), "begin it with /", "path %q is not absolute", r.Path)
	}
	if o.has("headers") {
		h := resolve(o.values["headers"])
		for i := 0; i+1 < len(h.Content) && h.Kind == yaml.MappingNode; i += 2 {
			r.Header[h.Content[i].Value] = h.Content[i+1].Value
		}
	}
	if err := r.Check(); err != nil {
		p.at(o.node, "variables are {{id}}, {{user}}, {{token}} and {{rand N}}", "%v", err)
	}
	return r
}

func mentions(r loadgen.Request, word string) bool {
	if strings.Contains(r.Path, word) || strings.Contains(r.Body, word) {
		return true
	}
	for _, v := range r.Header {
		if strings.Contains(v, word) {
			return true
		}
	}
	return false
}

// classes are the operation classes of a load, each once, in order of appearance.
func classes(prof loadgen.Profile) []string {
	var out []string
	for _, op := range prof.Ops {
		if !contains(out, op.Class) {
			out = append(out, op.Class)
		}
	}
	return out
}
