package spec

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"gauntlet/chaos"
	"gauntlet/compose"
)

func (p *problems) steps(o object, ph Phases, t compose.Topology) []chaos.Step {
	var out []chaos.Step
	for _, n := range p.list(o, "steps") {
		out = append(out, p.step(n, ph, t))
	}
	p.overlaps(o, out)
	return out
}

func (p *problems) step(n *yaml.Node, ph Phases, t compose.Topology) chaos.Step {
	o := p.object(n, "a step", "at", "for", "on", "fault")
	s := chaos.Step{Line: n.Line}
	p.required(o, "at", "say when, counted from the end of the warm-up, such as at: 20s")
	p.required(o, "for", "say how long, such as for: 30s")
	s.At = p.duration(o, "at", ph.Baseline, 0, maxPart)
	s.For = p.duration(o, "for", time.Second, 100*time.Millisecond, maxPart)
	if s.At < ph.Baseline {
		p.at(o.where("at"), fmt.Sprintf("start it at %s or later, or shorten phases.baseline", ph.Baseline),
			"the step starts at %s, before the baseline of %s is over: there would be nothing to compare with", s.At, ph.Baseline)
	}
	s.On = p.selector(o, t)
	s.Fault = p.fault(o)
	return s
}

func (p *problems) selector(o object, t compose.Topology) chaos.Selector {
	if !o.has("on") {
		p.at(o.where("on"), "say what is hit, such as on: {role: postgres-primary}", "on is missing")
		return chaos.Selector{}
	}
	w := p.object(o.values["on"], "on", "service", "container", "role", "tier", "region", "pick", "exclude")
	s := chaos.Selector{
		Service: p.text(w, "service"), Container: p.text(w, "container"), Role: p.text(w, "role"),
		Tier: p.text(w, "tier"), Region: p.text(w, "region"), Pick: p.text(w, "pick"),
	}
	for _, n := range p.list(w, "exclude") {
		s.Exclude = append(s.Exclude, n.Value)
	}
	if t.Name == "" {
		return s // nothing to check against: the topology is wrong already
	}
	p.known(w, "service", s.Service, t.Services)
	p.known(w, "role", s.Role, t.Roles)
	p.known(w, "tier", s.Tier, t.Tiers)
	if len(w.values) == 0 {
		p.at(o.where("on"), "name a service, container, role, tier or region", "on matches everything")
	} else if err := s.Check(); err != nil {
		p.at(w.node, "", "%v", err)
	}
	return s
}

// known checks a name that the topology must have.
func (p *problems) known(o object, key, name string, names []string) {
	if name != "" && !slices.Contains(names, name) {
		p.at(o.where(key), among("this topology has", name, names), "unknown %s %q", key, name)
	}
}

func (p *problems) fault(o object) chaos.Fault {
	if !o.has("fault") {
		p.at(o.where("fault"), "say what happens, such as fault: {kind: kill}", "fault is missing")
		return nil
	}
	n := resolve(o.values["fault"])
	kind := ""
	for i := 0; i+1 < len(n.Content) && n.Kind == yaml.MappingNode; i += 2 {
		if n.Content[i].Value == "kind" {
			kind = n.Content[i+1].Value
		}
	}
	f, err := chaos.New(kind)
	if errors.Is(err, chaos.ErrUnknownKind) {
		var kinds []string
		for _, k := range chaos.Kinds() {
			kinds = append(kinds, k.Name)
		}
		p.at(n, among("there are", kind, kinds), "unknown kind of fault %q", kind)
		return nil
	}
	p.fields(n, f)
	if c, ok := f.(chaos.Checker); ok {
		if err := c.Check(); err != nil {
			p.at(n, "", "%v", err)
		}
	}
	return f
}

// fields reads the fields of a kind of fault. This switch and chaos.New are the two places that know all kinds.
func (p *problems) fields(n *yaml.Node, f chaos.Fault) {
	switch f := f.(type) {
	case *chaos.Stop:
		o := p.object(n, "fault stop", "kind", "timeout")
		f.Timeout = p.duration(o, "timeout", f.Timeout, time.Second, time.Minute)
	default:
		p.object(n, "fault "+f.Kind(), "kind")
	}
}

// overlaps refuses life faults that hit the same selector at the same time: the second would find it disturbed already.
func (p *problems) overlaps(o object, steps []chaos.Step) {
	for i, a := range steps {
		for _, b := range steps[:i] {
			same := a.On.String() == b.On.String() && !strings.Contains(a.On.Pick, "one")
			if same && a.At < b.At+b.For && b.At < a.At+a.For {
				p.at(&yaml.Node{Line: a.Line, Column: 1}, "move one of them", "the step overlaps the one of line %d on the same targets (%s)", b.Line, a.On.String())
			}
		}
	}
}
