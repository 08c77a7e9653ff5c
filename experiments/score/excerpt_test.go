package score

import (
	"flag"
	"fmt"
	"strings"
	"time"

	"gauntlet/chaos"
)

var update = flag.Bool("update", false, "write the expected cards anew")

func stepOf(kind, role string, at, length time.Duration) chaos.Step {
	f, err := chaos.New(kind)
	if err != nil {
		panic(err)
	}
	return chaos.Step{At: at, For: length, On: chaos.Selector{Role: strings.Trim(role, "-")}, Fault: f}
}

// excerpt is a card in a few lines of text.
func excerpt(c Card) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, score %.2f (%.2f to %.2f), grade %s\n", c.Verdict, c.Score.Value, c.Score.Lo, c.Score.Hi, c.Grade)
	for _, w := range c.Why {
		fmt.Fprintf(&b, "why: %s\n", w)
	}
	for _, g := range c.Goals {
		fmt.Fprintf(&b, "goal %s %s: %.3f (%.3f to %.3f) %s\n", g.Metric, g.Goal, g.Value.Value, g.Value.Lo, g.Value.Hi, g.Verdict)
	}
	for _, p := range c.Parts {
		if p.Applicable {
			fmt.Fprintf(&b, "%s: -%.2f (%s)\n", p.Name, p.PointsLost.Value, p.Quantity)
		}
	}
	for _, k := range c.Caps {
		fmt.Fprintf(&b, "cap %g: %s\n", k.Limit, k.Why)
	}
	for _, k := range c.Classes {
		fmt.Fprintf(&b, "%s: %d planned, %d ok, %d fail, %d info, %d missed, %d slow, lost %.2f s, gap %.3f s, void %d\n",
			k.Name, k.Planned, k.OK, k.Fail, k.Info, k.Missed, k.Slow, k.LostSeconds, k.LongestGap.Seconds(), k.UnknownSecs)
		for _, o := range k.Outages {
			fmt.Fprintf(&b, "  outage %.3f to %.3f, open %v, %d bad, %d flaps\n", o.Start.Seconds(), o.End.Seconds(), o.Open, o.Bad, o.Flaps)
		}
	}
	for _, f := range c.Faults {
		fmt.Fprintf(&b, "fault %s on %v proven %v", f.Kind, f.On, f.Proven)
		if f.Failover != nil {
			fmt.Fprintf(&b, ", failover of %s %.3f (%.3f to %.3f)", f.Class, f.Failover.Value, f.Failover.Lo, f.Failover.Hi)
		}
		if f.After != nil {
			fmt.Fprintf(&b, ", steady after %.2f", f.After.Value)
		}
		b.WriteString("\n")
		for _, s := range f.Stages {
			fmt.Fprintf(&b, "  %s %.3f known %v\n", s.Name, s.Seconds, s.Known)
		}
	}
	d := c.Data
	fmt.Fprintf(&b, "data known %v: %d acknowledged, %d lost, %d recovered, %d resurrected, %d duplicated, %d diverged, rpo %.2f s\n",
		d.Known, d.Acknowledged, d.Lost, d.Recovered, d.Resurrected, d.Duplicated, d.Diverged, d.RPOSeconds)
	return b.String()
}
