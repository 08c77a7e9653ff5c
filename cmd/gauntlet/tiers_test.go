package main

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gauntlet/compose"
	"gauntlet/experiments/score"
)

// alarm is the longest failover that a tier's loss may cost, above which its settings are no longer the fastest that are safe. The
// sources of most are protocols and published bests: 0.3 and 1.5 s for a web node, 3 s for a store under Sentinel, 6 s for a database
// process that dies, 14 s for one that freezes, 1 and 15 s for a quorum queue. Edges, caches and workers are held to what holds for web
// nodes; the leases' leader too when it crashes, but when it freezes the primary may lose its lease of 3 s, as when it dies.
type alarm struct {
	tier          string // how the target of the tour's step is called
	crash, freeze time.Duration
}

var alarms = []alarm{
	{"web", 300 * time.Millisecond, 1500 * time.Millisecond},
	{"cache", 300 * time.Millisecond, 1500 * time.Millisecond},
	{"edge", 300 * time.Millisecond, 1500 * time.Millisecond},
	{"worker", 300 * time.Millisecond, 1500 * time.Millisecond},
	{"sessions", 3 * time.Second, 3 * time.Second},
	{"rabbit", time.Second, 15 * time.Second},
	{"etcd", 300 * time.Millisecond, 6 * time.Second},
	{"db", 6 * time.Second, 14 * time.Second},
}

// A node of each tier crashes, and another time freezes: what clients felt stays below the tier's alarm, and nothing is lost.
func TestEachTierLosesANode(t *testing.T) {
	onlyLong(t)
	needDocker(t)
	t.Run("crash", func(t *testing.T) {
		tour(t, "tier-crashes", func(a alarm) time.Duration { return a.crash })
	})
	t.Run("freeze", func(t *testing.T) {
		tour(t, "tier-freezes", func(a alarm) time.Duration { return a.freeze })
	})
}

func tour(t *testing.T, experiment string, most func(alarm) time.Duration) {
	card := decidedRun(t, experiment, "queued")
	if card.Verdict != score.Pass || len(card.Faults) != len(alarms) {
		t.Fatalf("%v with %d faults, want a pass with %d: %v", card.Verdict, len(card.Faults), len(alarms), card.Why)
	}
	for i, a := range alarms {
		hit, felt := card.Faults[i], time.Duration(0)
		if hit.Failover != nil {
			felt = seconds(hit.Failover.Value)
		}
		t.Logf("%s on %v: felt for %s, alarm above %s", hit.Kind, hit.On, felt.Round(time.Millisecond), most(a))
		if len(hit.On) != 1 || !strings.HasPrefix(hit.On[0], a.tier) || !hit.Proven || felt > most(a) {
			t.Errorf("step %d: %+v; want one %s, hit for sure, felt for at most %s", i+1, hit, a.tier, most(a))
		}
	}
}

// Every rung serves the same load without an error while nothing is disturbed.
func TestEachRungIsSteady(t *testing.T) {
	onlyLong(t)
	needDocker(t)
	for _, top := range compose.All() {
		if top.Mutant {
			continue
		}
		t.Run(top.Name, func(t *testing.T) {
			card := decidedRun(t, "steady", top.Name)
			for _, c := range card.Classes {
				t.Logf("%s: %d requests, p99 %s", c.Name, c.Planned, max(c.P99, c.FaultP99))
				if c.OK != c.Planned || c.FaultP99 > 500*time.Millisecond {
					t.Errorf("%+v; want all answered well and p99 at most 500 ms", c)
				}
			}
			if card.Verdict != score.Pass {
				t.Errorf("%v: %v", card.Verdict, card.Why)
			}
		})
	}
}

// decidedRun runs an experiment until this machine was quiet enough for an answer, a few times at most.
func decidedRun(t *testing.T, experiment, topology string) score.Card {
	t.Helper()
	var card score.Card
	for range busyTries {
		state := t.TempDir()
		inv := gauntlet(t, state, "run", experiment, "--topology", topology, "--out", filepath.Join(state, "runs"))
		inv.run(t)
		nothingLeft(t)
		if _, card = inv.recorded(t); card.Verdict != score.Unknown {
			return card
		}
	}
	t.Fatalf("%s on %s was not decided in %d runs: %v", experiment, topology, busyTries, card.Why)
	return card
}
