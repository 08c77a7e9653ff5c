package compare

import (
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"gauntlet/experiments/history"
	"gauntlet/experiments/score"
	"gauntlet/experiments/spec"
)

var update = flag.Bool("update", false, "write the golden files anew")

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Errorf("%s differs; run go test -update and read the difference. got:\n%s", file, got)
	}
}

// a run of one experiment with a write outage, lost writes and what follows from them.
type sketch struct {
	experiment, topology string
	outage               float64 // seconds
	lost                 float64
	lag                  float64
	at                   int // minutes after the first run
}

// limit of the outage in all sketches, in seconds.
const limit = 10.0

func upTo(x float64) *float64 { return &x }

// goals of all sketches.
func goals() []spec.Goal {
	least := 0.95
	return []spec.Goal{
		{Metric: "outage", Class: "write", AtMost: upTo(limit), Text: "at most 10s"},
		{Metric: "availability", AtLeast: &least, Text: "at least 0.95"},
		{Metric: "lost_writes", AtMost: upTo(0), Text: "at most 0"},
	}
}

func (s sketch) run() Run {
	exact := func(x float64) score.Interval { return score.Interval{Value: x, Lo: x, Hi: x} }
	known := func(name, unit string, v score.Interval) score.Measure {
		return score.Measure{Metric: name, Unit: unit, Known: true, Value: v}
	}
	lostU := math.Max(0, 0.6-0.3*math.Log10(math.Max(0.03, s.outage*0.2)/3))
	dataU := 1.0
	if s.lost > 0 {
		dataU = 0.4
	}
	points := 100 * (35*math.Min(1, lostU) + 20*dataU) / 55
	r := Run{
		Experiment: s.experiment, Topology: s.topology, Recording: fmt.Sprintf("runs/%s/%s/%03d", s.experiment, s.topology, s.at), Limit: 100, Sync: true, Seed: 7,
		Origin:  time.Date(2026, 1, 2, 3, 4+s.at, 0, 0, time.UTC),
		Machine: history.Machine{OS: "linux", Arch: "amd64", Kernel: "6.1", Engine: "28.5", Gauntlet: "v1", CPUs: 2, MemoryBytes: 8 << 30},
		Setup: Setup{Rate: 200, Ops: []history.OpInfo{{Name: "create", Class: "write", Rate: 40, Ledger: true}, {Name: "feed", Class: "read", Rate: 160}},
			Timeout: time.Second, Limit: time.Second / 2, Client: "open loop", Planned: 18000, Schedule: []string{"0s to 15s baseline"}},
		Parts: []Part{{"lost service", 35, math.Min(1, lostU)}, {"data", 20, dataU}}, Cost: Cost{Containers: 9},
		Measures: []score.Measure{
			known("write_outage", "seconds", score.Interval{Value: s.outage, Lo: math.Max(0, s.outage-0.05), Hi: s.outage + 0.05}),
			known("availability", "ratio", exact(1-s.outage*0.2/70)), known("lost_writes", "count", exact(s.lost)),
			known("replication_lag", "seconds", exact(s.lag)),
		},
	}
	if s.lost > 0 {
		r.Limit = 40
	}
	r.Score = exact(math.Min(points, r.Limit))
	r.Measures = append(r.Measures, known("score", "points", r.Score))
	r.Verdict = score.Pass
	for i, g := range goals() {
		m := r.Measures[i]
		m.Goal, m.Verdict = g.Text, score.Pass
		if g.AtMost != nil && m.Value.Value > *g.AtMost || g.AtLeast != nil && m.Value.Value < *g.AtLeast {
			m.Verdict, r.Verdict = score.Fail, score.Fail
			r.Why = append(r.Why, "goal missed: "+m.Metric)
		}
		r.Goals = append(r.Goals, m)
	}
	return r
}

// outages are runs of primary-kill with these write outages, in seconds; 1 minute apart from the one given.
func outages(topology string, from, step int, seconds ...float64) []Run {
	var out []Run
	for i, x := range seconds {
		out = append(out, sketch{"primary-kill", topology, x, 0, 0.1 * float64(i), from + i*step}.run())
	}
	return out
}

// failover draws a time like that of a failover: 4 s of waiting for a lease, a long tail, and one straggler in ten.
func failover(rng *rand.Rand) float64 {
	x := 2 + 4*rng.Float64() + math.Exp(0.5*rng.NormFloat64())
	if rng.Float64() < 0.1 {
		x += 5 * rng.Float64()
	}
	return x
}

func draws(rng *rand.Rand, n int, shift float64) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = failover(rng) + shift
	}
	return out
}

// twoGroups are two architectures in two experiments, interleaved: the second loses writes and is slower in one of them.
func twoGroups() []Group {
	a, b := Group{Name: "replicated"}, Group{Name: "replicated-async"}
	slow, quick := []float64{3.05, 3.4, 2.9, 4.1, 3.2}, []float64{6.1, 5.9, 7.4, 6.6, 6.2}
	for i := range 5 {
		a.Runs = append(a.Runs, sketch{"primary-kill", a.Name, slow[i], 0, 0.5, 4 * i}.run(), sketch{"web-crash", a.Name, 0, 0, 0.1, 100 + 4*i}.run())
		lost := 0.0
		if i == 2 {
			lost = 3
		}
		b.Runs = append(b.Runs, sketch{"primary-kill", b.Name, quick[i], lost, 0.7, 4*i + 2}.run(), sketch{"web-crash", b.Name, 0.04 * float64(i%2), 0, 0.1, 102 + 4*i}.run())
	}
	return []Group{a, b}
}

func compared(t *testing.T, groups []Group) Report {
	t.Helper()
	r, err := Compare(groups, Options{Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func metricIn(t *testing.T, r Report, experiment, name string) Difference {
	t.Helper()
	for _, p := range r.Pairs {
		for _, e := range p.Experiments {
			for _, d := range append(e.Family, e.Others...) {
				if e.Experiment == experiment && d.Metric == name {
					return d
				}
			}
		}
	}
	t.Fatalf("no metric %s in %s", name, experiment)
	return Difference{}
}
