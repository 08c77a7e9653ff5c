package score

import (
	"testing"

	"gauntlet/experiments/spec"
)

// A goal names its class in the metric or beside it; one on something that is not measured is never kept.
func TestGoalsFindTheirMetric(t *testing.T) {
	s := scriptOf(t, "kill")
	bound := 10.0
	s.spec.Goals = nil
	for _, g := range [][2]string{{"write_outage", ""}, {"outage", "write"}, {"nonsense", ""}, {"outage", "nobody"}, {"write_failover", ""}} {
		s.spec.Goals = append(s.spec.Goals, spec.Goal{Metric: g[0], Class: g[1], AtMost: &bound})
	}
	got := s.card(t).Goals
	for i := range 2 {
		if g := got[i]; g.Metric != "write_outage" || g.Unit != "seconds" || g.Value.Value < 3 || g.Verdict != Pass {
			t.Errorf("goal %d is %+v, want the outage of writes", i, g)
		}
	}
	for _, g := range got[2:] {
		if g.Known || g.Verdict != Unknown || g.Why == "" {
			t.Errorf("goal on %s is %+v, want unknown and why", g.Metric, g)
		}
	}
}
