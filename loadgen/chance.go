package loadgen

import (
	"math"
	"sort"
)

// chance is a Poisson process of rate 1: the due times of independent users. Time is cut into blocks; a block's arrivals
// are a function of the seed and its number alone, so any of them can be made again without the ones before, and only
// one number is kept for each 64 requests.
type chance struct {
	seed  uint64
	first []uint64 // arrivals before each block; the last is the sum of all
}

// blockLength is the length of a block, and the mean number of arrivals in it.
const blockLength = 64

// newChance makes the arrivals of [0, end].
func newChance(seed uint64, end float64) *chance {
	c := &chance{seed: mix(seed), first: []uint64{0}}
	for b := 0; float64(b)*blockLength <= end; b++ {
		n := c.first[b]
		for d, t := c.dice(b), 0.0; ; n++ {
			if t += d.step(n - c.first[b]); t >= blockLength {
				break
			}
		}
		c.first = append(c.first, n)
	}
	return c
}

func (c *chance) dice(block int) dice { return dice(mix(c.seed + uint64(block)*0x9e3779b97f4a7c15)) }

// step is an exponential number with mean 1. To begin each block anew is right: the process has no memory.
func (d dice) step(slot uint64) float64 {
	return -math.Log((float64(d.roll(slot)>>11) + 0.5) / (1 << 53))
}

// at is the time of arrival k, from 0; +Inf behind the end.
func (c *chance) at(k uint64) float64 {
	b := sort.Search(len(c.first), func(i int) bool { return c.first[i] > k }) - 1
	if b == len(c.first)-1 {
		return math.Inf(1)
	}
	d, t := c.dice(b), 0.0
	for slot := uint64(0); slot <= k-c.first[b]; slot++ {
		t += d.step(slot)
	}
	return float64(b)*blockLength + t
}

// before counts the arrivals before t.
func (c *chance) before(t float64) uint64 {
	b := int(t / blockLength)
	if b >= len(c.first)-1 {
		return c.first[len(c.first)-1]
	}
	n, d := c.first[b], c.dice(b)
	for at := float64(b) * blockLength; n < c.first[b+1]; n++ {
		if at += d.step(n - c.first[b]); at >= t {
			break
		}
	}
	return n
}
