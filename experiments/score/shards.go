package score

import (
	"fmt"

	"gauntlet/experiments/history"
)

// byShard groups what was read back by database cluster; "" is the only one.
func byShard(reads []history.ReadBack) map[string][]history.ReadBack {
	out := map[string][]history.ReadBack{}
	for _, r := range reads {
		out[r.Shard] = append(out[r.Shard], r)
	}
	return out
}

// primaries joins what the shards' primaries hold, as if they were one: a write that is on none is lost, one that is on two of them is doubled.
// Each shard must have exactly one that was read for certain, else why says what is missing.
func (d *Data) primaries(reads []history.ReadBack, highest uint64) (whole history.ReadBack, why string) {
	shards := byShard(reads)
	if _, only := shards[""]; only || len(shards) == 0 {
		return primaryOf(reads)
	}
	d.Shards = len(shards)
	seen := make(ids, highest/64+1)
	for shard, of := range shards {
		primary, why := primaryOf(of)
		if why != "" {
			return whole, fmt.Sprintf("shard %s: %s", shard, why)
		}
		whole.Present = append(whole.Present, primary.Present...)
		whole.Duplicated = append(whole.Duplicated, primary.Duplicated...)
		d.Duplicated += seen.add(primary.Present, highest)
		for _, r := range primary.Misplaced {
			d.Misplaced += r[1] - r[0] + 1
		}
	}
	return whole, ""
}

// add adds ids and says how many were there already.
func (s ids) add(ranges []history.Range, highest uint64) (again uint64) {
	for _, r := range ranges {
		for id := r[0]; id <= min(r[1], highest); id++ {
			if s.has(id) {
				again++
			}
			s[id/64] |= 1 << (id % 64)
		}
	}
	return again
}
