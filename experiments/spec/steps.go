package spec

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"gauntlet/chaos"
	"gauntlet/compose"
)

var (
	stepKeys     = []string{"at", "for", "on", "fault"}
	selectorKeys = []string{"service", "container", "role", "tier", "region", "pick", "exclude"}
)

// minStep is the shortest step: several pollers must have a chance to see it.
const minStep = 100 * time.Millisecond

func (p *problems) steps(o object, ph Phases, t compose.Topology) []chaos.Step {
	nodes := p.list(o, "steps")
	var out []chaos.Step
	for _, n := range nodes {
		out = append(out, p.step(n, ph, t))
	}
	p.overlaps(nodes, out, t)
	return out
}

func (p *problems) step(n *yaml.Node, ph Phases, t compose.Topology) chaos.Step {
	o := p.object(n, "step", stepKeys...)
	s := chaos.Step{Line: n.Line}
	p.required(o, "at", "say when, counted from the end of the warm-up, such as at: 20s")
	p.required(o, "for", "say how long, such as for: 30s")
	s.At = p.duration(o, "at", unknown, 0, maxPart)
	s.For = p.duration(o, "for", unknown, minStep, maxPart)
	if s.At != unknown && s.At < ph.Baseline {
		p.at(o.where("at"), fmt.Sprintf("start it at %s or later, or shorten phases.baseline", short(ph.Baseline)),
			"the step starts at %s, before the baseline of %s is over: there would be nothing to compare with", short(s.At), short(ph.Baseline))
	}
	s.On = p.selector(o, t)
	s.Fault = p.fault(o)
	return s
}

func (p *problems) selector(o object, t compose.Topology) chaos.Selector {
	const mend = "say what is hit, such as on: {role: postgres-primary}"
	if !o.has("on") {
		p.required(o, "on", mend)
		return chaos.Selector{}
	}
	w := p.object(o.values["on"], "on", selectorKeys...)
	s := chaos.Selector{
		Service: p.text(w, "service"), Container: p.text(w, "container"), Role: p.text(w, "role"),
		Tier: p.text(w, "tier"), Region: p.text(w, "region"), Pick: p.text(w, "pick"), Exclude: p.exclude(w, t),
	}
	p.known(w.where("service"), "service", s.Service, t, t.Services)
	p.known(w.where("role"), "role", s.Role, t, t.Roles)
	p.known(w.where("tier"), "tier", s.Tier, t, t.Tiers)
	p.known(w.where("container"), "container", serviceOf(s.Container, t), t, t.Services)
	switch whom := (chaos.Selector{Service: s.Service, Container: s.Container, Role: s.Role, Tier: s.Tier, Region: s.Region}); {
	case w.broken || len(w.silent) > 0:
	case s.Pick != "" && (chaos.Selector{Service: "x", Pick: s.Pick}).Check() != nil:
		p.at(w.where("pick"), "write all, one, minority, majority, a number from 1, or a share from 1% to 100%", "pick: %q can't be understood", s.Pick)
	case whom.String() == "" && s.Check() != nil:
		p.at(o.where("on"), mend, "on names nobody")
	}
	return s
}

func (p *problems) exclude(o object, t compose.Topology) []string {
	var out []string
	for _, n := range p.list(o, "exclude") {
		if v := resolve(n); v.Kind != yaml.ScalarNode || v.Value == "" {
			p.at(n, "write it like exclude: [web1]", "exclude must list names of containers")
			continue
		}
		out = append(out, resolve(n).Value)
		p.known(n, "container", serviceOf(resolve(n).Value, t), t, t.Services)
	}
	return out
}

// serviceOf is the service of a container as printed: its own name where it is the only one of its service, else
// service-number. Replicas are not counted: how many there are is known when they run.
func serviceOf(container string, t compose.Topology) string {
	i := strings.LastIndexByte(container, '-')
	if i > 0 && slices.Contains(t.Services, container[:i]) && strings.Trim(container[i+1:], "0123456789") == "" {
		return container[:i]
	}
	return container
}

// known checks a name that the topology must have. An unknown topology was complained about already.
func (p *problems) known(n *yaml.Node, what, name string, t compose.Topology, names []string) {
	if t.Name != "" && name != "" && !slices.Contains(names, name) {
		p.at(n, among(t.Name+" has", name, names), "unknown %s %q", what, name)
	}
}

func (p *problems) fault(o object) chaos.Fault {
	if !o.has("fault") {
		p.required(o, "fault", "say what happens, such as fault: {kind: kill}")
		return nil
	}
	n := o.values["fault"]
	kind, where := kindOf(n)
	var kinds []string
	for _, k := range chaos.Kinds() {
		kinds = append(kinds, k.Name)
	}
	f, err := chaos.New(kind)
	switch {
	case resolve(n).Kind != yaml.MappingNode:
		p.at(n, "write it like fault: {kind: kill}", "fault must be a mapping")
	case kind == "":
		p.at(where, "name one of: "+strings.Join(kinds, ", "), "the fault has no kind")
	case err != nil:
		p.at(where, among("there are", kind, kinds), "unknown kind of fault %q", kind)
	default:
		p.fields(n, f)
		return f
	}
	return nil
}

// kindOf is the fault's kind and where it stands.
func kindOf(n *yaml.Node) (string, *yaml.Node) {
	m := resolve(n)
	for i := 0; i+1 < len(m.Content) && m.Kind == yaml.MappingNode; i += 2 {
		if v := resolve(m.Content[i+1]); m.Content[i].Value == "kind" && v.Kind == yaml.ScalarNode && !isNull(v) {
			return v.Value, m.Content[i+1]
		}
	}
	return "", n
}

// fields reads the fields of a kind of fault. This switch and chaos.New are the two places that know all kinds.
func (p *problems) fields(n *yaml.Node, f chaos.Fault) {
	before := len(p.all)
	switch f := f.(type) {
	case *chaos.Stop:
		o := p.object(n, "fault stop", "kind", "timeout")
		f.Timeout = p.duration(o, "timeout", f.Timeout, time.Second, time.Minute)
	default:
		p.object(n, "fault "+f.Kind(), "kind")
	}
	if c, ok := f.(chaos.Checker); ok && len(p.all) == before {
		if err := c.Check(); err != nil {
			p.at(n, "see gauntlet list for the kinds of faults", "%v", err)
		}
	}
}

// overlaps refuses a step that finds all its targets disturbed already: one on the same targets began before, took all of
// them and is not over. Steps that draw a part may overlap, because what is disturbed is not drawn again.
func (p *problems) overlaps(nodes []*yaml.Node, steps []chaos.Step, t compose.Topology) {
	whom := make([]string, len(steps))
	for i, s := range steps {
		whom[i] = targets(s.On, t)
	}
	for i, late := range steps {
		for j, early := range steps {
			if whom[i] == "" || whom[i] != whom[j] || !during(late.At, early) || late.At == early.At && j >= i || !takesAll(early.On) {
				continue
			}
			p.at(nodes[i], fmt.Sprintf("start it at %s or later, or let the earlier one draw a part of them (pick: one)", short(early.At+early.For)),
				"the step overlaps the one of line %d on the same targets (%s)", nodes[j].Line, whom[i])
		}
	}
}

// during says whether the step lasts at that time. Times that were written wrongly are during nothing.
func during(at time.Duration, s chaos.Step) bool {
	return s.At != unknown && s.For != unknown && s.At <= at && at < s.At+s.For
}

// targets is the selector without what it draws or leaves out; "" if it names nobody.
func targets(s chaos.Selector, t compose.Topology) string {
	s.Pick, s.Exclude = "", nil
	if service := serviceOf(s.Container, t); s.Service == "" && service == s.Container && service != "" {
		s.Service, s.Container = service, "" // the only container of its service
	}
	return s.String()
}

func takesAll(s chaos.Selector) bool {
	return len(s.Exclude) == 0 && slices.Contains([]string{"", "all", "100%"}, s.Pick)
}
