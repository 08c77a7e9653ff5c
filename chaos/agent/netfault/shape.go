package netfault

import (
	"math"
	"slices"
	"time"

	"gauntlet/chaos"
)

// maxBacklog is how long a packet may wait for a wire of limited bandwidth; one that would wait longer is dropped, as by a
// router with a buffer of that length.
const maxBacklog = 250 * time.Millisecond

// packet is one that waits for a verdict.
type packet struct {
	id   uint32
	size int    // bytes from the IP header on
	data []byte // the first of them, as many as the queue asked for; valid only until the next read
}

// whole says whether data is all of it.
func (p packet) whole() bool { return len(p.data) >= p.size }

// fate is what becomes of a packet.
type fate struct {
	drop     bool
	overtake bool          // goes on at once, before those that wait
	due      time.Duration // else when it goes on, on the loop's clock; never before the one before
	body     []byte        // replaces the packet, if not nil
	send     []byte        // another packet that is sent when this one goes on or is dropped, if not nil
}

// shaper carries out the timed and random parts of one rule in one direction.
type shaper struct {
	rule chaos.NetRule
	dice *dice
	free time.Duration // when the wire of limited bandwidth has sent all before
	last time.Duration // due time of the packet before
}

func newShaper(r chaos.NetRule, in bool) *shaper {
	return &shaper{rule: r, dice: newDice(r.Seed, in)}
}

func (s *shaper) judge(now time.Duration, p packet) fate {
	if s.dice.hit(s.rule.Loss) {
		return fate{drop: true}
	}
	var f fate
	if s.dice.hit(s.rule.Corrupt) {
		if !p.whole() {
			return fate{drop: true} // what a receiver does with a wrong checksum
		}
		f.body = flip(p.data, s.dice.rng.IntN)
	}
	if s.dice.hit(s.rule.Duplicate) && p.whole() {
		f.send = slices.Clone(p.data)
	}
	sent, ok := s.wire(now, p.size)
	if !ok {
		return fate{drop: true}
	}
	if s.dice.hit(s.rule.Reorder) {
		f.overtake = true
		return f
	}
	f.due = max(sent+s.delay(), s.last)
	s.last = f.due
	return f
}

// wire is when the last bit of a packet of that size has left, or that it finds no room to wait.
func (s *shaper) wire(now time.Duration, size int) (time.Duration, bool) {
	if s.rule.BitsPerSecond == 0 {
		return now, true
	}
	start := max(now, s.free)
	if start-now > maxBacklog {
		return 0, false
	}
	s.free = start + time.Duration(float64(size)*8/s.rule.BitsPerSecond*float64(time.Second))
	return s.free, true
}

// delay is the rule's delay with its jitter, not below 0 and not above maxDelay.
func (s *shaper) delay() time.Duration {
	r := s.rule
	if r.Jitter == 0 {
		return r.Delay
	}
	x := 0.0
	if r.Distribution == "normal" {
		x = s.dice.normal(r.Correlation)
	} else {
		x = s.dice.uniform(r.Correlation)
	}
	d := r.Delay + time.Duration(math.Round(x*float64(r.Jitter)))
	return min(max(d, 0), maxDelay)
}
