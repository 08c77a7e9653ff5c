package spec

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"gauntlet/compose"
	"gauntlet/loadgen"
)

var goalKeys = []string{"metric", "at_most", "at_least"}

const goalsMend = "state at least one, such as {metric: availability, at_least: 0.99}"

// goals reads the goals; e has its load and steps already.
func (p *problems) goals(o object, e Experiment, t compose.Topology) []Goal {
	nodes := p.list(o, "goals")
	switch {
	case o.lacks("goals"):
		p.at(o.node, goalsMend, "goals are missing: nothing could fail")
	case len(nodes) == 0 && o.has("goals") && resolve(o.values["goals"]).Kind == yaml.SequenceNode:
		p.at(o.where("goals"), goalsMend, "there are no goals: nothing could fail")
	}
	var out []Goal
	first := map[string]int{}
	for _, n := range nodes {
		g := p.goal(n, e, t)
		out = append(out, g)
		if g.AtMost == nil && g.AtLeast == nil {
			continue
		}
		bound := fmt.Sprintf("%s at most: %v", g.Name(), g.AtMost != nil)
		if line := first[bound]; line != 0 {
			p.at(n, "keep the stricter one", "%s is bound twice, first on line %d", g.Name(), line)
		}
		first[bound] = n.Line
	}
	return out
}

func (p *problems) goal(n *yaml.Node, e Experiment, t compose.Topology) Goal {
	o := p.object(n, "goal", goalKeys...)
	g := Goal{Line: n.Line}
	name := p.required(o, "metric", "name one, such as availability")
	if name == "" {
		return g
	}
	if g, ok := p.probeGoal(n, o, name, e.Probes); ok {
		return g
	}
	m, class, ok := metric(name, classes(e.Load))
	if !ok {
		p.at(o.where("metric"), unknownMetric(name, classes(e.Load)), "unknown metric %q", name)
		return g
	}
	if lacks(m.Needs, e, t) {
		p.at(o.where("metric"), "add it, or remove the goal", "goal on %s has no evidence without %s", name, m.Needs)
	}
	g.Metric, g.Class = m.Name, class
	p.bounds(n, o, &g, m)
	return g
}

// bounds reads a goal's bound.
func (p *problems) bounds(n *yaml.Node, o object, g *Goal, m Metric) {
	switch most, least := o.has("at_most"), o.has("at_least"); {
	case most && least:
		p.at(n, "keep one, or make two goals of it", "goal on %s has both at_most and at_least", g.Name())
	case most:
		g.AtMost, g.Text = p.bound(o, "at_most", m.Unit), "at most "+p.text(o, "at_most")
	case least:
		g.AtLeast, g.Text = p.bound(o, "at_least", m.Unit), "at least "+p.text(o, "at_least")
	case !o.silent["at_most"] && !o.silent["at_least"]:
		p.at(n, "add one, such as "+m.example(), "goal on %s has neither at_most nor at_least", g.Name())
	}
}

// lacks says whether what a metric needs is not there. An unknown topology has the benefit of the doubt.
func lacks(need Need, e Experiment, t compose.Topology) bool {
	switch need {
	case NeedsStep:
		return len(e.Steps) == 0
	case NeedsLedger:
		if e.Attach != nil {
			return true // nobody knows how to read its writes back
		}
		return len(e.Load.Ops) > 0 && !slices.ContainsFunc(e.Load.Ops, func(op loadgen.Op) bool { return op.Ledger })
	case NeedsReplica:
		return e.Attach != nil || t.Name != "" && !slices.Contains(t.Roles, "postgres-replica")
	case NeedsAlerts:
		return len(e.Alerts) == 0
	case NeedsRegisters:
		return e.Registers == nil
	case NeedsQueue:
		return e.Attach != nil || t.Name != "" && !slices.Contains(t.Roles, "rabbitmq-leader")
	default:
		return false
	}
}

// bound reads a goal's bound in a unit of Metric; nil if it is wrong.
func (p *problems) bound(o object, key, unit string) *float64 {
	s, ok := p.scalar(o, key)
	if !ok {
		return nil
	}
	x, fits, mend := quantity(s, unit)
	if !fits {
		p.at(o.where(key), mend, "%s: %q is not in the unit of %s, %s", key, s, p.text(o, "metric"), units[unit])
		return nil
	}
	return &x
}

// units says in words how bounds in a unit of Metric are written.
var units = map[string]string{"seconds": "a time", "ratio": "a ratio", "points": "points of 100", "count": "a count", "bytes": "a number of bytes"}

// quantity reads s in a unit of Metric, and says what to write if it does not fit.
func quantity(s, unit string) (x float64, fits bool, mend string) {
	if unit == "seconds" {
		d, err := time.ParseDuration(s)
		if err == nil && d < 0 {
			return 0, false, "write a time of 0s or more"
		}
		return d.Seconds(), err == nil, durationMend(s)
	}
	x, err := strconv.ParseFloat(s, 64)
	fits = err == nil && x >= 0
	switch unit {
	case "ratio":
		return x, fits && x <= 1, ratioMend(s)
	case "points":
		return x, fits && x <= 100, "write 0 to 100"
	case "bytes":
		return x, fits && !math.IsInf(x, 0), "write a number of bytes, such as 5e6"
	default: // a count; beyond 2^53 a float64 can't tell neighbours apart
		return x, fits && x == math.Trunc(x) && x < 1<<53, "write a whole number, 0 or more"
	}
}

func ratioMend(s string) string {
	number, percent := strings.CutSuffix(s, "%")
	x, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	if err == nil && x >= 0 && x <= 100 && (percent || x > 1) {
		return fmt.Sprintf("write the ratio %.6g", x/100)
	}
	return "write a ratio from 0 to 1, such as 0.99"
}
