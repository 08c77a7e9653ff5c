package score

import (
	"slices"
	"strings"
	"time"

	"gauntlet/experiments/history"
)

// hits says of each fault what followed it.
func hits(b *book, h *history.History, p points) []Hit {
	var out []Hit
	for _, f := range h.Faults {
		hit := Hit{Step: f.Step, Kind: f.Kind, On: f.On, Roles: f.Roles, Actions: f.Actions, Notes: f.Notes, Asked: f.Asked, Began: f.Began, Healed: f.Healed, Proof: f.Proof, Proven: f.Began != 0 && f.Proof != "" && f.Err == ""}
		hit.Proven = hit.Proven && !slices.ContainsFunc(f.On, func(name string) bool { return slices.Contains(p.answered, name) })
		hit.Why = f.Err
		if f.Began != 0 {
			hit.failover(b, h, f)
			if hit.Failover != nil && hit.Failover.Value > 0 {
				hit.Stages = stages(h, f, hit.Failover.Value)
			}
			hit.After = after(b, f)
		}
		out = append(out, hit)
	}
	return out
}

// failover finds the class that was hit worst and when it was served for good again:
//
//	F = due(first op of the stable run) - t0
//
// It is known to lie between due(last bad op) - t0 and the moment by which every server that takes part in the stable run had
// served an op of it, give or take t0's uncertainty: the servers of a tier find the new primary one after the other, and those
// that did so late may not have been asked before.
//
// If it was never served for good again, F is at least Lo and the hit is open.
func (hit *Hit) failover(b *book, h *history.History, f history.Fault) {
	worst := 0.0
	for _, m := range b.meters {
		o, lost := outageOf(m, f, nextFault(h, f, b.span.to))
		if lost <= worst {
			continue
		}
		worst, hit.Class, hit.Open = lost, m.Name, o.Open
		stable, all := o.StableDue, o.AllDue
		if o.Open {
			stable, all = b.span.to, b.span.to
		}
		is := m.widened(o, f, Interval{
			Value: max(0, (stable - f.Began).Seconds()),
			Lo:    max(0, (o.LastBad - f.Began - f.Uncertainty).Seconds()),
			Hi:    max(0, (all - f.Began + f.Uncertainty).Seconds()),
		})
		hit.Failover = &is
	}
	if hit.Failover == nil {
		hit.mayHide(b, f)
	}
	if hit.Open {
		hit.Why = strings.TrimPrefix(f.Err+"; "+hit.Class+" requests were never served for good again", "; ")
	}
}

// outageOf is the class's outage with the most bad ops of those that were going on while the fault lasted, and the seconds of
// the class's traffic that all of them cost. One that ended before the effect is not the fault's doing, one that a lucky
// request had begun before it is: what matters is when it was last bad. One that starts after the next fault began is that one's.
func outageOf(m *meter, f history.Fault, next time.Duration) (longest Outage, lost float64) {
	for _, o := range m.outages.windows() {
		if !m.outages.causedBy(o, f, next) {
			continue
		}
		lost += float64(o.Bad) / m.rate
		if o.Bad > longest.Bad {
			longest = o
		}
	}
	return longest, lost
}

// causedBy says whether an outage was going on while the fault lasted.
func (o *outages) causedBy(w Outage, f history.Fault, next time.Duration) bool {
	from, to := f.Began-f.Uncertainty-o.resolution, min(f.HealAsked, next-o.resolution)
	if f.HealAsked == 0 {
		to = next
	}
	return w.LastBad >= from && w.Start < to
}

// nextFault is when the next fault after f began, or the end.
func nextFault(h *history.History, f history.Fault, end time.Duration) time.Duration {
	for _, g := range h.Faults {
		if g.Began > f.Began {
			end = min(end, g.Began)
		}
	}
	return end
}

// steadyTime is how long nearly all requests must be good for the system to count as steady.
const steadyTime = 10 * time.Second

const notWatched = "the heal was not proven, or the load did not go on for 10 s after it"

// watchedAfter says whether load went on for long enough after the heal to see the system steady.
func watchedAfter(b *book, f history.Fault) bool {
	return f.Began != 0 && f.Healed != 0 && f.Healed <= b.span.to-steadyTime-minSlot
}

// overtaken says whether another fault was in force when this one was healed, or began before the system could be seen steady:
// then what followed is that one's after-effect.
func overtaken(h *history.History, f history.Fault) bool {
	return slices.ContainsFunc(h.Faults, func(g history.Fault) bool {
		return g.Step != f.Step && g.Began != 0 && g.Began < f.Healed+steadyTime && (g.Healed == 0 || g.Healed > f.Healed)
	})
}

// after is the time from the heal to the start of the first 10 s with 99 % good requests, in seconds; nil if there are none.
// Good means within the limit, so the p99 is within it too. Void seconds could have been good or bad, which is its interval.
func after(b *book, f history.Fault) *Interval {
	is := b.steady(f, asSeen)
	if is == nil {
		return nil
	}
	out := exactly(*is)
	if lo := b.steady(f, allGood); lo != nil {
		out.Lo = min(out.Lo, *lo)
	}
	if hi := b.steady(f, allBad); hi != nil {
		out.Hi = max(out.Hi, *hi)
	} else {
		out.Hi = max(out.Hi, (b.span.to - f.Healed).Seconds())
	}
	return &out
}

// What to take the bad requests of a void second for.
const (
	asSeen = iota
	allGood
	allBad
)

// badIn is how many requests of a slot were bad.
func (b *book) badIn(i, void int) uint64 {
	s := b.total[i]
	if void == asSeen || !b.isVoid(b.span.from+time.Duration(i)*minSlot) {
		return uint64(s.bad)
	}
	if void == allBad {
		return uint64(s.due)
	}
	return 0
}

// steady is the time from the heal to the start of the first 10 s with 99 % good requests, in seconds, if void seconds are taken for that.
func (b *book) steady(f history.Fault, void int) *float64 {
	if f.Healed == 0 {
		return nil
	}
	const window = int(steadyTime / minSlot)
	first := max(0, int((f.Healed-b.span.from+minSlot-1)/minSlot))
	var due, bad uint64
	for i := first; i < len(b.total); i++ {
		due, bad = due+uint64(b.total[i].due), bad+b.badIn(i, void)
		if i-first >= window {
			due, bad = due-uint64(b.total[i-window].due), bad-b.badIn(i-window, void)
		}
		if i-first >= window-1 && due > 0 && bad*100 <= due {
			seconds := max(0, (b.span.from + time.Duration(i-window+1)*minSlot - f.Healed).Seconds())
			return &seconds
		}
	}
	return nil
}

// isDatabase says whether the fault hit a database node, which has a threshold of its own.
func isDatabase(f history.Fault) bool {
	return slices.ContainsFunc(f.Roles, func(r string) bool { return strings.HasPrefix(r, "postgres") })
}
