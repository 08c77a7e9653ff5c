package spec

import (
	"fmt"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"gauntlet/chaos"
	"gauntlet/compose"
)

func (p *problems) fault(o object, t compose.Topology) chaos.Fault {
	if !o.has("fault") {
		p.required(o, "fault", "say what happens, such as fault: {kind: kill}")
		return nil
	}
	n := o.values["fault"]
	kind, where := kindOf(n)
	kinds := chaos.KindNames()
	f, err := chaos.New(kind)
	switch {
	case resolve(n).Kind != yaml.MappingNode:
		p.at(n, "write it like fault: {kind: kill}", "fault must be a mapping")
	case kind == "":
		p.at(where, "name one of: "+strings.Join(kinds, ", "), "the fault has no kind")
	case err != nil:
		p.at(where, among("there are", kind, kinds), "unknown kind of fault %q", kind)
	default:
		p.fields(n, f, t)
		return f
	}
	return nil
}

// kindOf is the fault's kind and where it stands.
func kindOf(n *yaml.Node) (string, *yaml.Node) {
	if v := valueOf(n, "kind"); v != nil {
		if r := resolve(v); r.Kind == yaml.ScalarNode && !isNull(r) {
			return r.Value, v
		}
	}
	return "", n
}

// valueOf is what a mapping has under a key, nil if nothing.
func valueOf(n *yaml.Node, key string) *yaml.Node {
	m := resolve(n)
	for i := 0; i+1 < len(m.Content) && m.Kind == yaml.MappingNode; i += 2 {
		if m.Content[i].Value == key {
			return m.Content[i+1]
		}
	}
	return nil
}

func hasKey(n *yaml.Node, key string) bool { return valueOf(n, key) != nil }

// fields reads the fields of a kind of fault, as the kind itself describes them.
func (p *problems) fields(n *yaml.Node, f chaos.Fault, t compose.Topology) {
	before := len(p.all)
	fields := chaos.FieldsOf(f)
	keys := []string{"kind"}
	for _, field := range fields {
		keys = append(keys, field.Name)
	}
	o := p.object(n, "fault "+f.Kind(), keys...)
	for _, field := range fields {
		p.field(o, field, t)
	}
	if c, ok := f.(chaos.Checker); ok && len(p.all) == before {
		if err := c.Check(); err != nil {
			p.at(n, "gauntlet list "+f.Kind()+" shows its fields", "%s", strings.TrimPrefix(err.Error(), chaos.ErrBadStep.Error()+": "))
		}
	}
}

func (p *problems) field(o object, f chaos.Field, t compose.Topology) {
	if f.Required && o.lacks(f.Name) {
		p.at(o.node, fmt.Sprintf("add %s: %s", f.Name, f.Doc), "%s is missing in %s", f.Name, o.what)
	}
	if !o.has(f.Name) {
		return
	}
	switch v := f.Value.(type) {
	case **chaos.Selector:
		s := p.selector(o, f.Name, t)
		*v = &s
	case *time.Duration:
		*v = p.duration(o, f.Name, *v, 0, maxPart)
	case *[]string, *[]uint16:
		if err := f.SetList(p.words(o, f.Name)); err != nil {
			p.at(o.where(f.Name), "it is: "+f.Doc, "%s: %v", f.Name, err)
		}
	default:
		text, ok := p.scalar(o, f.Name)
		if !ok {
			return
		}
		if err := f.Parse(text); err != nil {
			p.at(o.where(f.Name), "it is: "+f.Doc, "%v", err)
		}
	}
}

// words reads a list of single values, or one value for a list of one.
func (p *problems) words(o object, key string) []string {
	if !o.has(key) {
		return nil
	}
	n := resolve(o.values[key])
	if n.Kind == yaml.ScalarNode {
		return []string{n.Value}
	}
	var out []string
	for _, e := range p.list(o, key) {
		if v := resolve(e); v.Kind == yaml.ScalarNode && v.Value != "" {
			out = append(out, v.Value)
		} else {
			p.at(e, "write it like "+key+": [a, b]", "%s must list single values", key)
		}
	}
	return out
}
