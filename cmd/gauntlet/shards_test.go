package main

import (
	"path/filepath"
	"testing"
)

// Rows move between shards under load: the ledger must find each write once, where it
// belongs. The resharder that does not fence is the proof that it would notice.
func TestReshardingUnderLoad(t *testing.T) {
	onlyLong(t)
	needDocker(t)
	for _, c := range []struct {
		topology string
		lost     bool
	}{{"sharded", false}, {"sharded-unfenced", true}} {
		state := t.TempDir()
		inv := gauntlet(t, state, "run", "experiments/mutants/unfenced-reshard.yaml", "--topology", c.topology, "--out", filepath.Join(state, "runs"))
		code := inv.run(t)
		nothingLeft(t)
		_, card := inv.recorded(t)
		if d := card.Data; !d.Known || d.Shards != 6 || d.Acknowledged < 1000 || (d.Lost > 0) != c.lost || d.Misplaced+d.Duplicated > 0 {
			t.Errorf("%s: %+v, want 1,000 writes and more read from 6 shards, each in its place; lost: %v", c.topology, d, c.lost)
		}
		if c.lost && code != exitFail {
			t.Errorf("%s: exit code %d, want %d", c.topology, code, exitFail)
		}
	}
}

// The loss of one shard's primary is felt by the writes of its users only.
func TestALostShardIsFeltByItsUsersOnly(t *testing.T) {
	onlyLong(t)
	needDocker(t)
	state := t.TempDir()
	inv := gauntlet(t, state, "run", "experiments/shard-kill.yaml", "--out", filepath.Join(state, "runs"))
	inv.run(t)
	nothingLeft(t)
	_, card := inv.recorded(t)
	if d := card.Data; !d.Known || d.Shards != 6 || d.Lost+d.Misplaced+d.Duplicated > 0 {
		t.Errorf("%+v, want nothing lost", d)
	}
	for _, m := range card.Measures {
		if m.Metric == "write_lost_seconds" && (!m.Known || m.Value.Hi > 5) {
			t.Errorf("writes were gone for %+v s in sum, want a quarter of one failover", m.Value)
		}
	}
}
