package loadgen

import (
	"context"
	"math"
	"slices"
	"time"
)

// schedule is the absolute plan of one operation: request k is due at phase + k*interval after the start of the load.
// The plan never shifts: a late request makes no later one late.
type schedule struct {
	phase    float64 // ns
	interval float64 // ns; float64 keeps whole nanoseconds up to 104 days
	n        uint64  // requests in the whole run
}

// plan makes one schedule per operation. Their phases differ by parts of the common interval, so that operations don't fire
// at the same instant.
func plan(p Profile, length time.Duration) []schedule {
	var sum float64
	for _, op := range p.Ops {
		sum += op.Weight
	}
	slot := float64(time.Second) / p.Rate
	out := make([]schedule, len(p.Ops))
	for i, op := range p.Ops {
		s := schedule{phase: slot * float64(i) / float64(len(p.Ops)), interval: slot * sum / op.Weight, n: math.MaxInt64}
		s.n = s.before(length)
		out[i] = s
	}
	return out
}

// at is when request k is due, from the start of the load.
func (s schedule) at(k uint64) time.Duration {
	return time.Duration(math.Round(s.phase + float64(k)*s.interval))
}

// before counts the requests that are due before t.
func (s schedule) before(t time.Duration) uint64 {
	k := uint64(max(0, (float64(t)-s.phase)/s.interval))
	for k > 0 && s.at(k-1) >= t {
		k--
	}
	for s.at(k) < t {
		k++
	}
	return min(k, s.n)
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

// Rate is the schedule's constant rate in requests per second. The library asks for it only in its own reports.
func (p *pacer) Rate(time.Duration) float64 { return float64(time.Second) / p.interval }

func sortedKeys[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
