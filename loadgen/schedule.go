package loadgen

import (
	"context"
	"math"
	"slices"
	"time"
)

// schedule is the absolute plan of one operation: the due time of each of its requests from the start of the load. It never
// shifts: a late request makes no later one late.
//
// At a constant rate request k is due at phase + k*interval, in ns. With a curve these two count requests of the whole load
// instead, and the curve says when that many are due. With chance the steps between requests are random instead of all one.
type schedule struct {
	phase    float64
	interval float64
	n        uint64 // requests in the whole run

	curve  curve
	chance *chance
	trace  []time.Duration // all due times; nothing of the above then matters
	after  time.Duration   // a step of a session is due so long after its first step
}

// never is a due time that no run reaches.
const never = time.Duration(math.MaxInt64 / 4)

// plan makes one schedule per operation. Their phases differ by parts of the common interval, so that operations don't fire
// at the same instant.
func plan(p Profile, length time.Duration) []schedule { return planRegions(p, len(p.Ops), length) }

// planRegions is plan for operations that are there once for each region, block operations in a row.
func planRegions(p Profile, block int, length time.Duration) []schedule {
	var sum float64
	for _, op := range p.Ops {
		sum += op.Weight
	}
	slot, bend := float64(time.Second)/p.Rate, p.Shape.curve(p.Rate)
	if bend != nil {
		slot = 1
	}
	traces := p.deal()
	out := make([]schedule, len(p.Ops))
	for i, op := range p.Ops {
		head, after := p.head(i, block)
		s := schedule{phase: slot * float64(head) / float64(len(p.Ops)), interval: slot * sum / op.Weight, n: math.MaxInt64, curve: bend, after: after}
		switch {
		case traces != nil:
			s.trace = traces[head]
		case p.Shape.Poisson && head != i:
			s.phase, s.chance = 0, out[head].chance
		case p.Shape.Poisson:
			s.phase = 0
			s.chance = newChance(p.Seed^mix(uint64(i)), (s.measure(length)-s.phase)/s.interval)
		}
		s.n = s.before(length)
		out[i] = s
	}
	return out
}

// measure is a time in the unit of phase and interval.
func (s schedule) measure(t time.Duration) float64 {
	if s.curve != nil {
		return s.curve.count(float64(t))
	}
	return float64(t)
}

// at is when request k is due, from the start of the load.
func (s schedule) at(k uint64) time.Duration {
	if s.trace != nil {
		if k >= uint64(len(s.trace)) {
			return never
		}
		return s.trace[k] + s.after
	}
	steps := float64(k)
	if s.chance != nil {
		steps = s.chance.at(k)
	}
	t := s.phase + steps*s.interval
	if s.curve != nil {
		t = s.curve.when(t)
	}
	if !(t < float64(never)) {
		return never
	}
	return time.Duration(math.Round(t)) + s.after
}

// before counts the requests that are due before t.
func (s schedule) before(t time.Duration) uint64 {
	if s.trace != nil {
		k, _ := slices.BinarySearch(s.trace, t-s.after)
		return min(uint64(k), s.n)
	}
	steps := max(0, (s.measure(max(0, t-s.after))-s.phase)/s.interval)
	k := uint64(steps)
	if s.chance != nil {
		k = s.chance.before(steps)
	}
	k = min(k, s.n)
	for k > 0 && s.at(k-1) >= t {
		k--
	}
	for k < s.n && s.at(k) < t {
		k++
	}
	return k
}

// crowd is the largest number of requests that are due within a time, or a little more. peak is the highest rate of the whole
// load in requests per second.
func (s schedule) crowd(within time.Duration, peak float64) uint64 {
	if s.trace != nil {
		most, first := 0, 0
		for i, t := range s.trace {
			for t-s.trace[first] > within {
				first++
			}
			most = max(most, i-first+1)
		}
		return uint64(most)
	}
	mean := float64(within) / s.interval
	if s.curve != nil {
		mean = within.Seconds() * peak / s.interval
	}
	if s.chance != nil {
		mean += 8 * math.Sqrt(mean)
	}
	return uint64(mean)
}

// numbering gives ledger ids: the rank of a request among all ledger requests of the run by due time, from 1. It is dense
// over a whole run and doesn't depend on the order in which requests are really sent.
type numbering struct {
	own    int
	ledger []schedule
}

// id is the ledger id of request k of the own schedule.
func (n numbering) id(k uint64) uint64 {
	due := n.ledger[n.own].at(k)
	id := k + 1
	for i, s := range n.ledger {
		switch {
		case i < n.own:
			id += s.before(due + 1)
		case i > n.own:
			id += s.before(due)
		}
	}
	return id
}

// number makes the numbering of each ledger operation; operations outside of the ledger get none.
func number(ops []Op, plans []schedule) []*numbering {
	var ledger []schedule
	out := make([]*numbering, len(ops))
	for i, op := range ops {
		if op.Ledger {
			out[i] = &numbering{own: len(ledger)}
			ledger = append(ledger, plans[i])
		}
	}
	for _, n := range out {
		if n != nil {
			n.ledger = ledger
		}
	}
	return out
}

// pacer drives one attack along a schedule. It waits itself instead of letting the library sleep, so that a cancelled run
// ends at once.
type pacer struct {
	schedule
	ctx   context.Context // ends the waiting; kept here because the library's Pace takes none
	begin time.Time
	timer *time.Timer
	asked uint64 // requests handed to the attack; read it after the attack has ended
}

// Pace waits until request number hits is due. It tells the attack to stop after the last one or when the run is cancelled.
func (p *pacer) Pace(_ time.Duration, hits uint64) (time.Duration, bool) {
	if hits >= p.n || p.ctx.Err() != nil {
		return 0, true
	}
	if wait := time.Until(p.begin.Add(p.at(hits))); wait > 0 {
		if p.timer == nil {
			p.timer = time.NewTimer(wait)
		} else {
			p.timer.Reset(wait)
		}
		select {
		case <-p.ctx.Done():
			p.timer.Stop()
			return 0, true
		case <-p.timer.C:
		}
	}
	p.asked = hits + 1
	return 0, false
}

// Rate is unknown here: the library asks for it only in its own reports.
func (p *pacer) Rate(time.Duration) float64 { return 0 }

func sortedKeys[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
