//go:build linux

package httpfault

import (
	"math"
	"math/rand/v2"
)

// block is over how many requests a share is met exactly.
const block = 64

// chance hits a share of requests: of each block of 64 in a row as many as the share says, rounded so that the sum over all
// blocks is never off by 1 or more, and within a block at random places. A plain coin would be off by 5 points in 100 requests, and
// evenly spaced hits would always meet the same kind of request of a client that alternates. Same seed, same hits.
type chance struct {
	share  float64
	random *rand.Rand
	phase  float64 // in [0,1): which way the rounding starts
	blocks float64 // that were begun

	slots, hits int // left in this block
}

func newChance(share float64, seed uint64) chance {
	random := rand.New(rand.NewPCG(seed, 0x6761756e746c6574))
	return chance{share: share, random: random, phase: random.Float64()}
}

// next says whether the next request is hit.
func (c *chance) next() bool {
	if c.slots == 0 {
		before := math.Floor(c.blocks*block*c.share + c.phase)
		c.blocks++
		c.slots, c.hits = block, int(math.Floor(c.blocks*block*c.share+c.phase)-before)
	}
	hit := c.random.IntN(c.slots) < c.hits
	c.slots--
	if hit {
		c.hits--
	}
	return hit
}
