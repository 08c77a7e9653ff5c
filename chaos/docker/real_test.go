package docker_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"gauntlet/chaos"
	"gauntlet/chaos/docker"
)

// withRealAgents are options with the workers of gauntlet agent.
func (y *yard) withRealAgents() docker.Options {
	o := y.withAgents()
	o.AgentCommand = []string{"/member", "real-agent"}
	return o
}

// TestRealAgents holds that an agent's container has the rights that each family of faults needs: the effect is felt, and it is
// gone after the revoke.
func TestRealAgents(t *testing.T) {
	t.Parallel()
	y := newYard(t)
	y.start(t, "a", "a", "1", nil)
	rt := y.runtime(t, y.withRealAgents())
	life, err := y.answer(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	port := []uint16{8080}
	tests := []struct {
		name string
		op   chaos.Op
		felt func() bool
	}{
		{"packets are dropped", chaos.Op{Verb: chaos.VerbNet, Net: &chaos.NetRule{Ports: port, Drop: true}},
			func() bool { _, err := y.answer(t.Context(), "a"); return err != nil }},
		{"connections are refused", chaos.Op{Verb: chaos.VerbNet, Net: &chaos.NetRule{Ports: port, Refuse: true}},
			func() bool { _, err := y.answer(t.Context(), "a"); return err != nil }},
		{"packets are delayed", chaos.Op{Verb: chaos.VerbNet, Net: &chaos.NetRule{Ports: port, Delay: 150 * time.Millisecond}},
			func() bool {
				began := time.Now()
				_, err := y.answer(t.Context(), "a")
				return err == nil && time.Since(began) >= 300*time.Millisecond
			}},
		{"requests get an error", chaos.Op{Verb: chaos.VerbHTTP, HTTP: &chaos.HTTPRule{Ports: port, Share: 1, Status: 503}},
			func() bool { got, err := y.answer(t.Context(), "a"); return err == nil && got != life }},
		{"a file fills the disk", chaos.Op{Verb: chaos.VerbResource, Resource: &chaos.ResourceLoad{DiskPath: "/", DiskBytes: 1 << 20}},
			func() bool {
				got, err := y.ask(t.Context(), "a", "/.gauntlet-fill-x")
				return err == nil && len(got) >= 1<<20
			}},
		{"processors burn", chaos.Op{Verb: chaos.VerbResource, Resource: &chaos.ResourceLoad{CPUs: 0.2}}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			asked := time.Now()
			eff, err := rt.Do(t.Context(), y.target("a"), "x", tt.op)
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("began %s after asking ± %s: %s", eff.Began.Sub(asked), eff.Uncertainty, eff.Proof)
			if err := rt.Check(t.Context(), y.target("a"), "x", tt.op); err != nil {
				t.Errorf("Check = %v", err)
			}
			if tt.felt != nil {
				waitFor(t, "it is felt", tt.felt)
			}
			for range 2 {
				if eff, err := rt.Do(t.Context(), y.target("a"), "x", revoke(tt.op)); err != nil || eff.Proof == "" {
					t.Errorf("revoke = %+v, %v", eff, err)
				}
			}
			waitFor(t, "it is gone", func() bool {
				got, err := y.answer(t.Context(), "a")
				return err == nil && got == life && (tt.felt == nil || !tt.felt())
			})
			if err := rt.Check(t.Context(), y.target("a"), "x", tt.op); !errors.Is(err, chaos.ErrEndedEarly) {
				t.Errorf("Check after the revoke = %v, want %v", err, chaos.ErrEndedEarly)
			}
		})
	}
}

// BenchmarkOnset cuts 12 containers off, with agents that were armed and with agents that are started for it, as other tools do.
// It reports when the last of them was cut (onset-ms, after asking), how far apart they were (spread-ms) and when the last was
// healed (undo-ms, after asking). All are upper bounds: what counts is when an agent's answer came.
func BenchmarkOnset(b *testing.B) {
	const targets = 12
	for _, armed := range []bool{true, false} {
		b.Run(fmt.Sprintf("armed=%v", armed), func(b *testing.B) {
			y := newYard(b)
			for i := range targets {
				y.start(b, fmt.Sprint("a-", i+1), "a", fmt.Sprint(i+1), nil)
			}
			var onset, spread, undo time.Duration
			for b.Loop() {
				rt, err := docker.New(b.Context(), y.scoped(y.withRealAgents()))
				if err != nil {
					b.Fatal(err)
				}
				all, err := rt.List(b.Context())
				if err != nil {
					b.Fatal(err)
				}
				if armed {
					if err := rt.Arm(b.Context(), all, []chaos.Verb{chaos.VerbNet}); err != nil {
						b.Fatal(err)
					}
				}
				cut := chaos.Op{Verb: chaos.VerbNet, Net: &chaos.NetRule{Ports: []uint16{8080}, Drop: true}}
				first, last := allAtOnce(b, rt, all, cut)
				onset, spread = onset+last, spread+last-first
				_, last = allAtOnce(b, rt, all, revoke(cut))
				undo += last
				if err := rt.Close(); err != nil {
					b.Fatal(err)
				}
			}
			per := func(d time.Duration) float64 { return d.Seconds() * 1000 / float64(b.N) }
			b.ReportMetric(per(onset), "onset-ms")
			b.ReportMetric(per(spread), "spread-ms")
			b.ReportMetric(per(undo), "undo-ms")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// allAtOnce does the operation on all targets and returns when the first and the last had it, after asking.
func allAtOnce(b *testing.B, rt *docker.Runtime, all []chaos.Container, op chaos.Op) (first, last time.Duration) {
	b.Helper()
	ends := make([]time.Duration, len(all))
	asked := time.Now()
	var wg sync.WaitGroup
	for i, c := range all {
		wg.Go(func() {
			eff, err := rt.Do(b.Context(), chaos.Target{ID: c.ID, Name: c.Name}, "x", op)
			if err != nil {
				b.Error(err)
			}
			ends[i] = eff.Began.Add(eff.Uncertainty).Sub(asked)
		})
	}
	wg.Wait()
	return slices.Min(ends), slices.Max(ends)
}
