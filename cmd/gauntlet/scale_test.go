package main

import (
	"path/filepath"
	"slices"
	"testing"

	"gauntlet/experiments/score"
)

// variant is an experiment on a topology, and what the card must say of one metric.
type variant struct {
	experiment, topology, metric string
	most                         float64 // of a sound one
	caught                       bool    // it must be above most
}

var variants = []variant{
	{"mutants/written-back", "cached-writeback", "lost_writes", 0, true},
	{"mutants/written-back", "cached-writethrough", "lost_writes", 0, false},
	{"mutants/written-back", "cached", "lost_writes", 0, false},
	{"cache-flush", "cached-naive", "cache_loads", 70, true},
	{"cache-flush", "cached", "cache_loads", 70, false},
	{"rolling-restart", "replicated", "failed_requests", 0, false},
}

// Write-back loses what a cache node had not handed over and naive caches send all readers to the database; their sound siblings do
// not. A rolling restart costs no request.
func TestVariantsAreToldApart(t *testing.T) {
	onlyLong(t)
	needDocker(t)
	for _, v := range variants {
		t.Run(filepath.Base(v.experiment)+" on "+v.topology, func(t *testing.T) { v.check(t) })
	}
}

func (v variant) check(t *testing.T) {
	for range busyTries {
		state := t.TempDir()
		inv := gauntlet(t, state, "run", "experiments/"+v.experiment+".yaml", "--topology", v.topology, "--out", filepath.Join(state, "runs"))
		code := inv.run(t)
		nothingLeft(t)
		_, card := inv.recorded(t)
		i := slices.IndexFunc(card.Measures, func(m score.Measure) bool { return m.Metric == v.metric })
		if i < 0 || !card.Measures[i].Known || code == exitUnknown {
			continue // this machine was too busy for an answer
		}
		m := card.Measures[i]
		t.Logf("%s = %g, exit %d", v.metric, m.Value.Value, code)
		if (m.Value.Value > v.most) != v.caught || v.caught && code != exitFail || !v.caught && code != exitPass {
			t.Errorf("%s = %g and exit code %d, want above %g: %v", v.metric, m.Value.Value, code, v.most, v.caught)
		}
		return
	}
	t.Errorf("not decided: this machine was too busy %d times", busyTries)
}
