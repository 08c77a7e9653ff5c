package score

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"gauntlet/experiments/spec"
)

const queueFault = `steps kill worker 10 10
fault on worker1 began 17 healed 27
`

// depthLines are readings of the queue twice a second: from jobs at 27 s on, shrinking by so many a second, never below 0.
func depthLines(jobs, shrinks float64, from, to float64) string {
	var b strings.Builder
	for at := 8.0; at < to; at += 0.5 {
		n := 2.0
		switch {
		case at >= 27 && at >= from:
			n = max(0, jobs-shrinks*(at-27))
		case at >= 17:
			n = jobs * min(1, (at-17)/10)
		}
		fmt.Fprintf(&b, "point queue_depth jobs.work %g at %g\n", n, at)
	}
	return b.String()
}

func drainOf(t *testing.T, text string) (Card, *Drain) {
	t.Helper()
	s := parse(queueFault + text)
	s.header.Roles = append(s.header.Roles, "rabbitmq-leader")
	c := s.card(t)
	if c.Drain == nil {
		t.Fatal("no drain on the card of a topology with a queue")
	}
	return c, c.Drain
}

// 200 jobs that shrink by 10 a second while 20 a second are written: 30 a second are done, and it takes 20 s.
func TestDrainStandsBesideItsForecast(t *testing.T) {
	c, d := drainOf(t, depthLines(200, 10, 0, 57))
	if !d.Known || d.Depth != 200 || d.Before != 2 || d.Seconds < 19 || d.Seconds > 21 {
		t.Errorf("drain %+v, want 200 jobs in about 20 s", d)
	}
	if !d.Foretold || math.Abs(d.Forecast-19.8) > 0.2 || math.Abs(d.New-20) > 1 || math.Abs(d.Done-30) > 1.5 {
		t.Errorf("drain %+v, want a forecast of 19.8 s from 30/s done and 20/s new", d)
	}
	for _, m := range c.Measures {
		if m.Metric == "drain" && (!m.Known || m.Value.Value != d.Seconds) {
			t.Errorf("measure %+v", m)
		}
	}
}

func TestDrainThatIsNotOver(t *testing.T) {
	_, d := drainOf(t, depthLines(200, 1, 0, 57))
	if d.Known || !d.Foretold || d.Forecast < 190 || d.Seconds < 28 || d.Why == "" {
		t.Errorf("drain %+v, want unknown, at least 28 s, and a forecast of 198 s", d)
	}
	if _, d = drainOf(t, depthLines(200, -1, 0, 57)); d.Known || d.Foretold {
		t.Errorf("drain %+v of a backlog that grows", d)
	}
}

func TestDrainWithoutBacklogOrReadings(t *testing.T) {
	if _, d := drainOf(t, depthLines(5, 1, 0, 57)); !d.Known || d.Seconds != 0 {
		t.Errorf("drain %+v, want none", d)
	}
	if _, d := drainOf(t, ""); d.Known {
		t.Errorf("drain %+v, but nobody read the queue", d)
	}
	if _, d := drainOf(t, depthLines(200, 10, 36, 57)); !d.Known {
		t.Errorf("drain %+v, want known: the queue was read all the time", d)
	}
	gap := strings.Join(strings.SplitAfter(depthLines(200, 10, 0, 57), "\n")[:44], "") // until 29.5 s
	gap += "point queue_depth jobs.work 0 at 50\n"
	if _, d := drainOf(t, gap); d.Known || !strings.Contains(d.Why, "nobody read") {
		t.Errorf("drain %+v, want unknown: for 20 s nobody read the queue", d)
	}
}

// A goal on a query of the user's own.
func TestProbesHaveGoals(t *testing.T) {
	const asked = "steps kill postgres-primary 10 10\nfault on db1 roles postgres-primary began 17 healed 27\n"
	seen := func(every int) string {
		var b strings.Builder
		for at := 8; at < 57; at++ {
			gap := ""
			if at%every == 0 {
				gap = " err"
			}
			fmt.Fprintf(&b, "point promql depth %d at %d%s\n", at%10, at, gap)
			if gap == "" {
				fmt.Fprintf(&b, "point promql depth{queue=\"b\"} 3 at %d\n", at)
			}
		}
		return b.String()
	}
	bound := 8.5
	for _, tt := range []struct {
		name    string
		text    string
		probe   spec.Probe
		verdict Verdict
		value   float64
	}{
		{"worst", seen(100), spec.Probe{Take: spec.TakeWorst}, Fail, 9},
		{"last", seen(100), spec.Probe{Take: spec.TakeLast}, Pass, 6},
		{"mean", seen(100), spec.Probe{Take: spec.TakeMean}, Pass, 5.1},
		{"gaps, and all that was seen is good", strings.ReplaceAll(seen(3), "depth 9", "depth 8"), spec.Probe{Take: spec.TakeWorst}, Unknown, 8},
		{"gaps, but what was seen is bad", seen(4), spec.Probe{Take: spec.TakeWorst}, Fail, 9},
		{"never", "", spec.Probe{Take: spec.TakeWorst}, Unknown, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := parse(asked + tt.text)
			tt.probe.Name, tt.probe.Unit = "depth", "count"
			s.spec.Probes = []spec.Probe{tt.probe}
			s.spec.Goals = []spec.Goal{{Metric: "depth", AtMost: &bound, Text: "at most 8.5"}}
			g := s.card(t).Goals[0]
			if g.Verdict != tt.verdict || math.Abs(g.Value.Value-tt.value) > 0.3 || g.Unit != "count" {
				t.Errorf("%+v, want %v and about %g", g, tt.verdict, tt.value)
			}
			if g.Verdict == Unknown && g.Why == "" {
				t.Errorf("%+v: unknown without a reason", g)
			}
		})
	}
}

func TestCostAndCapacity(t *testing.T) {
	var b strings.Builder
	b.WriteString(queueFault)
	for at := 8; at < 57; at++ {
		fmt.Fprintf(&b, "point web_cpu web1 0.2 at %d\npoint web_cpu web2 0.1 at %d\n", at, at)
	}
	for at := 10; at < 57; at += 5 {
		for _, name := range []string{"web1", "web2"} {
			fmt.Fprintf(&b, "point container_cpu %s 0.25 at %d\npoint container_memory %s 5e7 at %d\n", name, at, name, at)
		}
	}
	s := parse(b.String())
	s.header.Containers, s.header.Machine.CPUs = 2, 4
	c := s.card(t).Cost
	// 40 s of two quarters of a processor are 20 CPU-seconds, for 4,000 good answers; 100/s at a fifth of web1's processors.
	if !c.Known || math.Abs(c.CPUSeconds-20) > 0.1 || math.Abs(c.PerCPU-5) > 0.1 || math.Abs(c.Memory-1e8) > 1 {
		t.Errorf("cost %+v, want 20 CPU-seconds, 5 for 1,000 good answers, and 100 MB", c)
	}
	if k := c.Capacity; !k.Known || k.Limit != "web1" || math.Abs(k.Rate-500) > 5 {
		t.Errorf("capacity %+v, want 500/s, limited by web1", k)
	}
	s.header.Containers = 3
	if c := s.card(t).Cost; c.Known || c.Why == "" {
		t.Errorf("cost %+v, but only 2 of 3 containers were asked", c)
	}
	s = parse(queueFault)
	if c := s.card(t).Cost; c.Known || c.Capacity.Known || c.Why == "" || c.Capacity.Why == "" {
		t.Errorf("cost %+v, but nobody was asked", c)
	}
}
