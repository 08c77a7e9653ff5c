package shard

import (
	"fmt"
	"hash/fnv"
	"slices"
)

// Strategy says which shard a bucket belongs to.
type Strategy string

// The strategies. They differ in what moves when shards are added: from 4 to 6, modulo moves two thirds of the buckets,
// consistent hashing about one third, and only to the new shards; the directory moves exactly the surplus.
const (
	Modulo     Strategy = "modulo"     // the bucket's number modulo the number of shards
	Consistent Strategy = "consistent" // the shard that a hash of both prefers (rendezvous hashing)
	Directory  Strategy = "directory"  // a list; what is said stays until it is told otherwise
)

func (s Strategy) check() error {
	switch s {
	case Modulo, Consistent, Directory:
		return nil
	}
	return fmt.Errorf("%w: strategy %q, want %s, %s or %s", ErrMap, string(s), Modulo, Consistent, Directory)
}

// plan says who shall own each slot, given who owns it now ("" nobody). Slots of isolated keys stay where they are, as long as
// their shard takes part.
func (s Strategy) plan(now, shards []string) ([]string, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	if len(shards) == 0 || len(shards) > Buckets {
		return nil, fmt.Errorf("%w: %d shards, want 1 to %d", ErrMap, len(shards), Buckets)
	}
	out := slices.Clone(now)
	for b := range Buckets {
		switch s {
		case Modulo:
			out[b] = shards[b%len(shards)]
		case Consistent:
			out[b] = preferred(b, shards)
		}
	}
	if s == Directory {
		even(out[:Buckets], shards)
	}
	for slot := Buckets; slot < len(out); slot++ {
		if !slices.Contains(shards, out[slot]) {
			out[slot] = shards[slot%len(shards)]
		}
	}
	return out, nil
}

// preferred is the shard with the highest hash together with the bucket: each shard's rank does not depend on the others, so a new
// shard takes only what prefers it.
func preferred(bucket int, shards []string) string {
	return slices.MaxFunc(shards, func(a, b string) int {
		x, y := weight(bucket, a), weight(bucket, b)
		switch {
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return 0
	})
}

// weight mixes after FNV, whose high bits hardly depend on the last bytes (the finalizer of MurmurHash3).
func weight(bucket int, shard string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(shard))
	x := h.Sum64() ^ uint64(bucket+1)*0x9e3779b97f4a7c15
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	x *= 0xc4ceb9fe1a85ec53
	return x ^ x>>33
}

// even gives each shard its equal part, differing by one at most, and moves only what is too much where it is.
func even(owners, shards []string) {
	quota := map[string]int{}
	for i, s := range shards {
		quota[s] = len(owners) / len(shards)
		if i < len(owners)%len(shards) {
			quota[s]++
		}
	}
	var homeless []int
	for b, owner := range owners {
		if quota[owner] == 0 {
			homeless = append(homeless, b)
			continue
		}
		quota[owner]--
	}
	for i, b := range homeless {
		turn := i
		for quota[shards[turn%len(shards)]] == 0 {
			turn++
		}
		owners[b] = shards[turn%len(shards)]
		quota[owners[b]]--
	}
}

// Move is a slot that shall change its owner.
type Move struct {
	Slot     int
	From, To string
}

// Moves are what is left to do until the slots are spread over the shards as the strategy says, in the order of the slots.
func (m Map) Moves(s Strategy, shards []string) ([]Move, error) {
	want, err := s.plan(m.Owners, shards)
	if err != nil {
		return nil, err
	}
	var out []Move
	for slot, owner := range m.Owners {
		if owner != want[slot] {
			out = append(out, Move{slot, owner, want[slot]})
		}
	}
	return out, nil
}
