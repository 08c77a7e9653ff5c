package spec

import (
	"math/rand/v2"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"gauntlet/chaos"
	"gauntlet/compose"
)

var (
	sequenceKeys = []string{"at", "sequence", "every", "times"}
	parallelKeys = []string{"at", "parallel", "every", "times"}
	memberKeys   = []string{"after", "for", "on", "fault", "ramp", "keep_healthy", "max_percent"}
	monkeyKeys   = []string{"at", "for", "monkey"}
	chanceKeys   = []string{"kinds", "on", "every", "each", "keep_healthy", "max_percent"}
)

// repeat is the step as often as every and times say: times in all, each every after the one before.
func (p *problems) repeat(o object, steps ...chaos.Step) []chaos.Step {
	every := p.duration(o, "every", 0, minStep, maxPart)
	times := int(p.integer(o, "times", 1, 2, maxSteps))
	switch {
	case o.has("times") && o.lacks("every"):
		p.at(o.where("times"), "say how far apart, such as every: 20s", "times without every")
		times = 1
	case o.has("every") && o.lacks("times"):
		p.at(o.where("every"), "say how often in all, such as times: 3", "every without times")
	}
	var out []chaos.Step
	for n := range times {
		for _, s := range steps {
			if s.At != unknown {
				s.At += time.Duration(n) * every
			}
			out = append(out, s)
		}
	}
	return out
}

// sequence reads steps of which each starts when the one before has ended, or so long after.
func (p *problems) sequence(n *yaml.Node, sc scene) []chaos.Step {
	o, at := p.group(n, "sequence", sequenceKeys, sc)
	var out []chaos.Step
	for _, m := range p.list(o, "sequence") {
		s, after := p.member(m, sc)
		if at == unknown || s.For == unknown || after == unknown {
			at, s.At = unknown, unknown
		} else {
			s.At = at + after
			at = s.At + s.For
		}
		out = append(out, s)
	}
	return p.repeat(o, out...)
}

// parallel reads steps that start together, or so long after the first.
func (p *problems) parallel(n *yaml.Node, sc scene) []chaos.Step {
	o, at := p.group(n, "parallel", parallelKeys, sc)
	var out []chaos.Step
	for _, m := range p.list(o, "parallel") {
		s, after := p.member(m, sc)
		s.At = unknown
		if at != unknown && after != unknown {
			s.At = at + after
		}
		out = append(out, s)
	}
	return p.repeat(o, out...)
}

func (p *problems) group(n *yaml.Node, what string, keys []string, sc scene) (object, time.Duration) {
	o := p.object(n, what, keys...)
	p.required(o, "at", "say when, counted from the end of the warm-up, such as at: 20s")
	at := p.duration(o, "at", unknown, 0, maxPart)
	p.beginning(o, at, sc)
	if o.has(what) && len(p.list(o, what)) == 0 {
		p.at(o.where(what), "list the steps in it", "%s has no steps", what)
	}
	return o, at
}

// member reads a step of a group.
func (p *problems) member(n *yaml.Node, sc scene) (chaos.Step, time.Duration) {
	o := p.object(n, "step of a group", memberKeys...)
	return p.disturbance(o, sc), p.duration(o, "after", 0, 0, maxPart)
}

// monkey reads chaos at random: kinds of faults on chosen targets. It is drawn here, from the seed, so that a plan shows it.
func (p *problems) monkey(n *yaml.Node, sc scene) []chaos.Step {
	o := p.object(n, "monkey step", monkeyKeys...)
	p.required(o, "at", "say when, counted from the end of the warm-up, such as at: 20s")
	p.required(o, "for", "say how long, such as for: 2m")
	at, length := p.duration(o, "at", unknown, 0, maxPart), p.duration(o, "for", unknown, minStep, maxPart)
	p.beginning(o, at, sc)
	if !o.has("monkey") {
		return nil
	}
	w := p.object(o.values["monkey"], "monkey", chanceKeys...)
	every := p.duration(w, "every", 10*time.Second, minStep, maxPart)
	each := p.duration(w, "each", every/2, minStep, maxPart)
	on, guard := p.selector(w, "on", sc.topology), p.guard(w)
	kinds := p.monkeyKinds(w)
	if at == unknown || length == unknown || len(kinds) == 0 {
		return nil
	}
	if each > every {
		p.at(w.where("each"), "make it "+short(every)+" or less", "each fault lasts %s, longer than the %s between two", short(each), short(every))
	}
	if length/every > maxSteps {
		p.at(w.where("every"), "make every longer", "there would be more than %d faults", maxSteps)
		return nil
	}
	return drawMonkey(n.Line, sc.seed, kinds, chaos.Step{At: at, For: each, On: on, Guard: guard, Line: n.Line}, every, length)
}

// drawMonkey draws a kind and a moment for each interval.
func drawMonkey(line int, seed uint64, kinds []func() chaos.Fault, like chaos.Step, every, length time.Duration) []chaos.Step {
	rng := rand.New(rand.NewPCG(seed, uint64(line)))
	var out []chaos.Step
	for begin := time.Duration(0); begin+every <= length; begin += every {
		s := like
		s.At += begin
		if slack := every - like.For; slack > 0 {
			s.At += time.Duration(rng.Int64N(int64(slack))).Truncate(10 * time.Millisecond)
		}
		s.Fault = kinds[rng.IntN(len(kinds))]()
		out = append(out, s)
	}
	return out
}

// monkeyKinds are the kinds to draw from. An element is a name, for a kind that needs no field, or a fault as in a step.
func (p *problems) monkeyKinds(w object) []func() chaos.Fault {
	if w.lacks("kinds") {
		p.at(w.node, "list kinds, such as kinds: [kill, pause, {kind: delay, delay: 50ms}]", "kinds is missing in monkey")
	}
	var out []func() chaos.Fault
	for _, n := range p.list(w, "kinds") {
		if resolve(n).Kind == yaml.ScalarNode {
			n = &yaml.Node{Kind: yaml.MappingNode, Line: n.Line, Column: n.Column, Content: []*yaml.Node{
				{Kind: yaml.ScalarNode, Value: "kind", Line: n.Line, Column: n.Column}, resolve(n),
			}}
		}
		f := p.fault(object{node: n, what: "monkey", values: map[string]*yaml.Node{"fault": n}}, compose.Topology{})
		switch {
		case f == nil:
		case !chaos.NeedsTarget(f):
			p.at(n, "use one that has targets: "+strings.Join(chaos.KindNames(), ", "), "%s has no targets", f.Kind())
		default:
			out = append(out, func() chaos.Fault { return f })
		}
	}
	if len(out) == 0 && w.has("kinds") && len(p.all) == 0 {
		p.at(w.where("kinds"), "list kinds, such as kinds: [kill, pause]", "there is nothing to draw from")
	}
	return out
}
