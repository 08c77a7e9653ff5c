package netfault

import (
	"math"
	"math/rand/v2"
)

// dice makes all chances of one rule in one direction, from its seed.
type dice struct {
	rng    *rand.Rand
	last   float64 // the standard normal number behind the jitter before
	rolled bool
}

func newDice(seed uint64, in bool) *dice {
	stream := uint64(1)
	if in {
		stream = 2
	}
	return &dice{rng: rand.New(rand.NewPCG(seed, stream))}
}

// hit is true in a share of calls. A share of 0 takes no chance from the others.
func (d *dice) hit(share float64) bool { return share > 0 && d.rng.Float64() < share }

// normal is a standard normal number whose correlation with the one before is c: c x + sqrt(1-c²) z.
//
// Note: netem mixes c x + (1-c) z, which shrinks the spread as c grows.
func (d *dice) normal(c float64) float64 {
	z := d.rng.NormFloat64()
	if d.rolled {
		z = c*d.last + math.Sqrt(1-c*c)*z
	}
	d.last, d.rolled = z, true
	return z
}

// uniform is in (-1,1), correlated as normal is.
func (d *dice) uniform(c float64) float64 { return math.Erf(d.normal(c) / math.Sqrt2) }
