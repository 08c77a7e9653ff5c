package compare

import (
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"gauntlet/experiments/history"
	"gauntlet/experiments/probe"
	"gauntlet/experiments/score"
	"gauntlet/experiments/spec"
	"gauntlet/loadgen"
)

const claim = `claim: writes are back soon
topology: replicated
load: {workload: reference}
phases: {warm: 1s, baseline: 5s, recovery: 20s}
steps:
  - {at: 5s, for: 15s, on: {role: postgres-primary}, fault: {kind: kill}}
goals:
  - {metric: write_outage, at_most: 30s}
  - {metric: availability, at_least: 0.5}
  - {metric: lost_writes, at_most: 0}
`

// recorded is a whole recording of a run whose writes fail for so long after the primary is killed, scored.
func recorded(t *testing.T, e spec.Experiment, number int, outage time.Duration) Run {
	t.Helper()
	const warm, began = time.Second, 7 * time.Second
	h := history.Header{
		Version: history.Version, Experiment: e.Name, Topology: e.Topology, Timeout: time.Second, Limit: time.Second / 2, Rate: 40, Sync: true,
		Origin: time.Date(2026, 1, 2, 0, 2*number, 0, 0, time.UTC), Roles: []string{"postgres-primary", "postgres-replica"}, Replicas: []string{"db1", "db2"},
		Ops: []history.OpInfo{{Name: "create", Class: "write", Rate: 20, Ledger: true}, {Name: "feed", Class: "read", Rate: 20}},
	}
	end := warm + e.Length()
	events := []history.Event{{Header: &h}}
	for _, p := range []history.PhaseStart{{Name: "up"}, {Name: "warm", At: warm}, {Name: "baseline", At: 2 * time.Second}, {Name: "fault", At: began}, {Name: "recovery", At: 22 * time.Second}, {Name: "readback", At: end}} {
		events = append(events, history.Event{Phase: &p})
	}
	f := history.Fault{Kind: "kill", On: []string{"db1"}, Roles: []string{"postgres-primary"}, Asked: began, Began: began + 10*time.Millisecond, Uncertainty: time.Millisecond,
		HealAsked: 22 * time.Second, Healed: 22*time.Second + 100*time.Millisecond, Proof: "process gone"}
	events = append(events, history.Event{Fault: &f}, history.Event{Change: &probe.Change{What: probe.Role, Target: "db1", From: "?", To: "primary", At: warm}})
	var samples []loadgen.Sample
	var present []history.Range
	id := uint64(0)
	for due := warm; due < end; due += 50 * time.Millisecond {
		id++
		s := loadgen.Sample{Op: "create", Class: "write", Due: due, Sent: due, End: due + 4*time.Millisecond, Code: 200, Out: loadgen.OK, ID: id}
		if due >= began && due < began+outage {
			s.Out, s.Code = loadgen.Fail, 503
		} else {
			present = append(present, history.Range{id, id})
		}
		samples = append(samples, s, loadgen.Sample{Op: "feed", Class: "read", Due: due + 25*time.Millisecond, Sent: due + 25*time.Millisecond, End: due + 28*time.Millisecond, Code: 200, Out: loadgen.OK})
	}
	for at := warm; at < end; at += time.Second {
		for _, p := range []probe.Point{{Metric: probe.Coverage, Target: "role db2", At: at, Value: 1}, {Metric: probe.ReplicationLag, Target: "db2", At: at, Value: 0.1}} {
			events = append(events, history.Event{Point: &p})
		}
	}
	for i, node := range []string{"db2", "db1"} {
		r := history.ReadBack{Node: node, Role: []string{"primary", "replica"}[i], At: end, Present: present, CaughtUp: true}
		events = append(events, history.Event{Read: &r})
	}
	events = append(events, history.Event{End: &history.End{At: end + time.Second, Planned: map[string]uint64{"create": id, "feed": id}}})
	rec, err := history.Memory(events, samples)
	if err != nil {
		t.Fatal(err)
	}
	return Of("", e, rec.Header, score.Score(e, rec))
}

// The tool's own false alarms, from whole recordings through score and comparison: 20 pairs of 5 and 5 runs of one system whose
// failover takes as long as such things do.
func TestTwentyPairsWithoutADifference(t *testing.T) {
	e, err := spec.Parse("writes-back.yaml", []byte(claim))
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(11, 12))
	var runs []Run
	for i := range 200 {
		runs = append(runs, recorded(t, e, i, time.Duration(failover(rng)*float64(time.Second))))
	}
	for _, r := range runs[:1] {
		if r.Void || r.Verdict != score.Pass {
			t.Fatalf("the recordings are no good: %s %v", r.Verdict, r.Why)
		}
	}
	n, err := AA(runs, 20, Options{Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	if n.Pairs != 20 || n.Disjoint != 20 || n.PerSide != 5 || len(n.Warnings) > 0 {
		t.Errorf("%d pairs of %d, %d disjoint, %v; want 20 disjoint pairs of 5 and 5", n.Pairs, n.PerSide, n.Disjoint, n.Warnings)
	}
	if n.Rate.Value >= 0.05 || n.GateRate.Value >= 0.05 {
		t.Errorf("%d false alarms of the comparison and %d of the gate in 20 pairs; want less than 5 %%", n.Alarms, n.Gate)
	}
	for _, f := range n.Floor {
		if f.Metric == "write_outage" && (f.P95 < 0.2 || f.P95 > 5) {
			t.Errorf("noise floor of write_outage %.2f s; want what such failovers vary by", f.P95)
		}
	}
	// The same runs, the second half of each pair 6 s slower: the instrument is not blind.
	a, b := Group{Name: "a"}, Group{Name: "b"}
	for i := range 5 {
		a.Runs = append(a.Runs, runs[2*i])
		b.Runs = append(b.Runs, recorded(t, e, 2*i+1, time.Duration((6+failover(rng))*float64(time.Second))))
	}
	if d := metricIn(t, compared(t, []Group{a, b}), "writes-back", "write_outage"); d.Verdict != Worse {
		t.Errorf("6 s slower: %+v", d)
	}
}

func TestPairsAreDealtOutABBA(t *testing.T) {
	a, b := interleaved(outages("x", 0, 1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9), 5)
	for i, want := range []float64{0, 3, 4, 7, 8} {
		if got := a[i].Measures[0].Value.Value; got != want {
			t.Errorf("run %d of A is number %g, want %g", i, got, want)
		}
	}
	if len(b) != 5 {
		t.Errorf("%d runs of B", len(b))
	}
}

func TestAARefuses(t *testing.T) {
	var refused *Refusal
	if _, err := AA(outages("a", 0, 1, 1, 2, 3), 5, Options{}); !errors.As(err, &refused) {
		t.Errorf("three runs: %v", err)
	}
	if _, err := AA(append(outages("a", 0, 2, 1, 2, 3), outages("b", 1, 2, 1, 2, 3)...), 5, Options{}); !errors.As(err, &refused) {
		t.Errorf("two topologies: %v", err)
	}
	n, err := AA(outages("a", 0, 1, 1, 2, 3, 4), 5, Options{})
	if err != nil || n.Disjoint != 1 || n.Pairs != 5 || len(n.Warnings) != 2 {
		t.Errorf("four runs: %+v, %v; want 1 disjoint pair, 4 splits, and warnings that say so", n, err)
	}
}
