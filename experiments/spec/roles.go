package spec

import (
	"os"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"gauntlet/chaos"
	"gauntlet/chaos/roles"
	"gauntlet/compose"
)

var roleKeys = []string{"name", "service", "http", "sql", "exec", "expect"}

// roles reads the live roles that the user defines.
func (p *problems) roles(o object) []roles.Declared {
	var out []roles.Declared
	for _, n := range p.list(o, "roles") {
		out = append(out, p.role(n, out))
	}
	return out
}

func (p *problems) role(n *yaml.Node, before []roles.Declared) roles.Declared {
	o := p.object(n, "role", roleKeys...)
	d := roles.Declared{
		Name: p.required(o, "name", "give it a name, such as api-leader"), Service: p.text(o, "service"), HTTP: p.text(o, "http"),
		SQL: p.text(o, "sql"), Exec: p.words(o, "exec"), Expect: p.text(o, "expect"),
	}
	switch err := d.Check(); {
	case d.Name == "" || o.broken || len(o.silent) > 0:
	case err != nil:
		p.at(n, `write it like {name: api-leader, service: api, http: "http://:8080/leader", expect: "true"}`, "role %q: %s",
			d.Name, strings.TrimPrefix(err.Error(), chaos.ErrBadSelector.Error()+": "))
	case slices.ContainsFunc(before, func(b roles.Declared) bool { return b.Name == d.Name }):
		p.at(o.where("name"), "give each a name of its own", "role %q is there twice", d.Name)
	}
	return d
}

// ReadRoles reads the live roles that a file declares under "roles", an experiment or a file with nothing else. The error is Errors,
// each with its line, or of the file system.
func ReadRoles(name string) ([]roles.Declared, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	p := &problems{file: name}
	root, ok := p.document(text)
	if !ok {
		return nil, p.err()
	}
	o := p.object(root, "experiment", experimentKeys...)
	declared := p.roles(o)
	if len(declared) == 0 && p.err() == nil {
		p.at(root, `write some under roles, like roles: [{name: api-leader, service: api, http: "http://:8080/leader"}]`, "no live roles are declared")
	}
	return declared, p.err()
}

// withRoles is the topology with the declared roles, for checks of names.
func withRoles(t compose.Topology, declared []roles.Declared) compose.Topology {
	t.Roles = slices.Clone(t.Roles)
	for _, d := range declared {
		t.Roles = append(t.Roles, d.Name)
	}
	return t
}
