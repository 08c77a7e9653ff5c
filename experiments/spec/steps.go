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
	stepKeys     = []string{"at", "for", "on", "fault", "ramp", "every", "times", "keep_healthy", "max_percent"}
	selectorKeys = []string{"service", "container", "role", "tier", "region", "network", "label", "pick", "exclude"}
)

// minStep is the shortest step: several pollers must have a chance to see it.
const minStep = 100 * time.Millisecond

// scene is what reading a step needs beside the step.
type scene struct {
	phases   Phases
	topology compose.Topology
	seed     uint64
}

func (p *problems) steps(o object, sc scene) []chaos.Step {
	var nodes []*yaml.Node // where each step stands
	var out []chaos.Step
	for _, n := range p.list(o, "steps") {
		for _, s := range p.entry(n, sc) {
			nodes, out = append(nodes, n), append(out, s)
		}
	}
	if len(out) > maxSteps {
		p.at(o.where("steps"), "make every longer or times fewer", "%d steps are more than %d", len(out), maxSteps)
		return nil
	}
	p.overlaps(nodes, out, sc.topology)
	return out
}

// maxSteps bounds what every, times and monkey expand to.
const maxSteps = 1000

// entry reads one element of steps: a fault, or several in a sequence, side by side or at random.
func (p *problems) entry(n *yaml.Node, sc scene) []chaos.Step {
	switch {
	case hasKey(n, "sequence"):
		return p.sequence(n, sc)
	case hasKey(n, "parallel"):
		return p.parallel(n, sc)
	case hasKey(n, "monkey"):
		return p.monkey(n, sc)
	}
	s, o := p.step(n, sc)
	p.beginning(o, s.At, sc)
	return p.repeat(o, s)
}

// beginning refuses a step that starts before the baseline is over.
func (p *problems) beginning(o object, at time.Duration, sc scene) {
	if at != unknown && at < sc.phases.Baseline {
		p.at(o.where("at"), fmt.Sprintf("start it at %s or later, or shorten phases.baseline", short(sc.phases.Baseline)),
			"the step starts at %s, before the baseline of %s is over: there would be nothing to compare with", short(at), short(sc.phases.Baseline))
	}
}

// step reads one fault with its time.
func (p *problems) step(n *yaml.Node, sc scene) (chaos.Step, object) {
	o := p.object(n, "step", stepKeys...)
	p.required(o, "at", "say when, counted from the end of the warm-up, such as at: 20s")
	s := p.disturbance(o, sc)
	s.At = p.duration(o, "at", unknown, 0, maxPart)
	return s, o
}

// disturbance reads all of a step but when it starts.
func (p *problems) disturbance(o object, sc scene) chaos.Step {
	s := chaos.Step{Line: o.node.Line}
	p.required(o, "for", "say how long, such as for: 30s")
	s.For = p.duration(o, "for", unknown, minStep, maxPart)
	s.Ramp = p.duration(o, "ramp", 0, minStep, maxPart)
	s.Fault = p.fault(o, sc.topology)
	if s.Fault == nil || chaos.NeedsTarget(s.Fault) {
		s.On = p.selector(o, "on", sc.topology)
	} else if o.has("on") {
		p.at(o.where("on"), "remove on", "%s has no targets", s.Fault.Kind())
	}
	s.Guard = p.guard(o)
	p.ramp(o, s)
	return s
}

// guard reads what a step must leave alone.
func (p *problems) guard(o object) chaos.Guard {
	g := chaos.Guard{KeepHealthy: int(p.integer(o, "keep_healthy", 0, 1, 1000))}
	if o.has("max_percent") {
		g.MaxShare = float64(p.integer(o, "max_percent", 100, 1, 100)) / 100
	}
	return g
}

// ramp refuses a ramp of what is there or not.
func (p *problems) ramp(o object, s chaos.Step) {
	if s.Ramp == 0 || s.Fault == nil {
		return
	}
	if _, ok := s.Fault.(chaos.Scaler); !ok {
		p.at(o.where("ramp"), "remove ramp", "%s can't ramp: it is there or not", s.Fault.Kind())
	} else if s.For != unknown && s.Ramp > s.For {
		p.at(o.where("ramp"), "make it "+short(s.For)+" or less", "the ramp of %s is longer than the step", short(s.Ramp))
	}
}

// selector reads targets under a key that must be there.
func (p *problems) selector(o object, key string, t compose.Topology) chaos.Selector {
	mend := "say what is hit, such as " + key + ": {role: postgres-primary}"
	if !o.has(key) {
		p.required(o, key, mend)
		return chaos.Selector{}
	}
	w := p.object(o.values[key], key, selectorKeys...)
	s := chaos.Selector{
		Service: p.text(w, "service"), Container: p.text(w, "container"), Role: p.text(w, "role"),
		Tier: p.text(w, "tier"), Region: p.text(w, "region"), Network: p.text(w, "network"), Label: p.text(w, "label"), Pick: p.text(w, "pick"), Exclude: p.exclude(w, t),
	}
	p.known(w.where("service"), "service", s.Service, t, t.Services)
	p.known(w.where("role"), "role", s.Role, t, t.Roles)
	p.known(w.where("tier"), "tier", s.Tier, t, t.Tiers)
	p.known(w.where("container"), "container", serviceOf(s.Container, t), t, t.Services)
	switch whom := (chaos.Selector{Service: s.Service, Container: s.Container, Role: s.Role, Tier: s.Tier, Region: s.Region, Network: s.Network, Label: s.Label}); {
	case w.broken || len(w.silent) > 0:
	case s.Pick != "" && (chaos.Selector{Service: "x", Pick: s.Pick}).Check() != nil:
		p.at(w.where("pick"), "write all, one, minority, majority, a number from 1, or a share from 1% to 100%", "pick: %q can't be understood", s.Pick)
	case whom.String() == "" && s.Check() != nil:
		p.at(o.where(key), mend, "%s names nobody", key)
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
