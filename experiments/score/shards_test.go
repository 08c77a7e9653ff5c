package score

import (
	"fmt"
	"testing"

	"gauntlet/experiments/history"
	"gauntlet/loadgen"
)

// held is what a node of a shard has.
func held(node, shard, role string, present ...history.Range) history.ReadBack {
	return history.ReadBack{Node: node, Shard: shard, Role: role, Present: present, CaughtUp: true}
}

// Five acknowledged writes, over two shards of two nodes each. A write may be on either shard, but on one of them, and where it belongs.
func TestShardsAreJudgedTogether(t *testing.T) {
	whole := func() []history.ReadBack {
		return []history.ReadBack{
			held("db1", "s1", "primary", history.Range{1, 2}), held("db2", "s1", "replica", history.Range{1, 2}),
			held("db3", "s2", "primary", history.Range{3, 5}), held("db4", "s2", "replica", history.Range{3, 5}),
		}
	}
	for _, c := range []struct {
		name  string
		spoil func([]history.ReadBack) []history.ReadBack
		want  string // lost, duplicated, misplaced, diverged; or why nothing is known
	}{
		{"all there", func(r []history.ReadBack) []history.ReadBack { return r }, "0 0 0 0"},
		{"lost", func(r []history.ReadBack) []history.ReadBack { r[2].Present[0][0], r[3].Present[0][0] = 4, 4; return r }, "1 0 0 0"},
		{"on two shards", func(r []history.ReadBack) []history.ReadBack {
			r[0].Present[0][1], r[1].Present[0][1] = 3, 3
			r[0].Misplaced = []history.Range{{3, 3}}
			return r
		}, "0 1 1 0"},
		{"a replica differs", func(r []history.ReadBack) []history.ReadBack { r[1].Present = nil; return r }, "0 0 0 2"},
		{"a shard without a primary", func(r []history.ReadBack) []history.ReadBack { r[2].Role = "replica"; return r }, "shard s2: 0 primaries could be read back, want exactly one"},
		{"a shard that can't be read", func(r []history.ReadBack) []history.ReadBack { r[0].Err = "silent"; return r }, "shard s1: 0 primaries could be read back, want exactly one"},
	} {
		ends := []loadgen.Outcome{loadgen.Missed, loadgen.OK, loadgen.OK, loadgen.OK, loadgen.OK, loadgen.OK}
		h := &history.History{Reads: c.spoil(whole())}
		h.Header.Replicas = []string{"db1", "db2", "db3", "db4"}
		d := data(&book{ends: ends}, h)
		got := fmt.Sprint(d.Lost, d.Duplicated, d.Misplaced, d.Diverged)
		if !d.Known {
			got = d.Why
		}
		if got != c.want || d.Known && (d.Shards != 2 || d.clean() != (c.want == "0 0 0 0")) {
			t.Errorf("%s: %s, %+v; want %s", c.name, got, d, c.want)
		}
	}
}

// Where there are no shards, no write is known to be in its place.
func TestMisplacedNeedsShards(t *testing.T) {
	one := Measure{}.ofData("misplaced_writes", Data{Known: true})
	two := Measure{}.ofData("misplaced_writes", Data{Known: true, Shards: 2, Misplaced: 3})
	if one.Known || !two.Known || two.Value != exactly(3) {
		t.Errorf("one cluster: %+v; two shards: %+v", one, two)
	}
}

// A primary of another shard beside the one that was hit is as it should be; a second one of the same shard is not.
func TestBesides(t *testing.T) {
	shards := map[string]string{"db1": "s1", "db2": "s1", "db3": "s2"}
	if besides(shards, []string{"db1"}, "db3") || !besides(shards, []string{"db1"}, "db2") || !besides(nil, []string{"db1"}, "db2") {
		t.Error("the clusters of the databases are mixed up")
	}
}
