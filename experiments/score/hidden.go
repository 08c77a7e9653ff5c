package score

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"gauntlet/experiments/history"
)

// nearEdge is how long after a fault's beginning or healing failover and recovery are looked for where no request failed: a void
// second there may hide either.
const nearEdge = 10 * time.Second

// critical are the times in which failover and recovery are measured.
func critical(h *history.History) []span {
	var out []span
	for _, f := range h.Faults {
		for _, at := range []time.Duration{f.Began, f.Healed} {
			if at > 0 {
				out = append(out, span{from: at, to: at + nearEdge})
			}
		}
	}
	return out
}

// dark is a time in which a class may have been out: outages, and void seconds.
type dark struct {
	from, to time.Duration
	seen     bool // some of it is an outage that was seen
	void     bool // some of it is a void second
}

// worstCase are the outages if every void second had been one: those less than a stable run apart
// are one.
func (m *meter) worstCase() []dark {
	var all []dark
	for _, o := range m.outages.windows() {
		to := o.End
		if o.Open {
			to = m.span.to
		}
		all = append(all, dark{from: o.Start, to: to, seen: true})
	}
	for at := m.span.from.Truncate(time.Second); at < m.span.to; at += time.Second {
		if m.isVoid(at) {
			all = append(all, dark{from: at, to: at + time.Second, void: true})
		}
	}
	slices.SortFunc(all, func(a, b dark) int { return cmp.Compare(a.from, b.from) })
	var out []dark
	for _, d := range all {
		if n := len(out); n > 0 && d.from-out[n-1].to < stableTime {
			last := &out[n-1]
			last.to, last.seen, last.void = max(last.to, d.to), last.seen || d.seen, last.void || d.void
			continue
		}
		out = append(out, d)
	}
	return out
}

// doubted is how many seconds of an outage may not have been the system's: requests in void seconds may have been bad because they
// were sent late, and one that was sent late may have ended the outage late.
func (m *meter) doubted(o Outage, end time.Duration) float64 {
	if o.Open {
		return float64(m.voided(o.Start, end))
	}
	out := float64(m.voided(o.Start, o.LastBad+1))
	if m.isVoid(end) && !m.isVoid(o.LastBad) {
		out += (end - o.LastBad).Seconds()
	}
	return out
}

// darkest is the length in seconds of the longest outage of the judged time in the worst case.
func (m *meter) darkest() float64 {
	longest := 0.0
	for _, d := range m.worstCase() {
		if d.to <= m.span.from {
			continue
		}
		length := (d.to - d.from).Seconds()
		if d.seen {
			length += 2 * m.outages.resolution.Seconds()
		}
		longest = max(longest, length)
	}
	return longest
}

// widened is what is known of a failover, widened by what void seconds hide: requests that were bad in one may have been so because they
// were sent late, and the service may have been bad until the end of one that follows.
func (m *meter) widened(o Outage, f history.Fault, is Interval) Interval {
	for at := o.LastBad.Truncate(time.Second); at >= 0 && m.isVoid(at); at -= time.Second {
		is.Lo = min(is.Lo, max(0, (at-f.Began-f.Uncertainty).Seconds()))
	}
	for _, d := range m.worstCase() {
		if d.from <= o.Start && o.Start < d.to && (o.Open || d.to > o.End) {
			is.Hi = max(is.Hi, (d.to - f.Began + f.Uncertainty).Seconds())
		}
	}
	return is
}

// hidden is the longest failover, in seconds, of which no request that failed is known: it may lie in void seconds soon after the
// fault began. It is 0 if none is void.
func (m *meter) hidden(f history.Fault) float64 {
	longest := 0.0
	for _, d := range m.worstCase() {
		if d.void && d.to > f.Began && d.from < f.Began+nearEdge {
			longest = max(longest, (d.to - f.Began + f.Uncertainty).Seconds())
		}
	}
	return longest
}

const behindThen = "the load generator was behind or this machine paused soon after it: a failover of a length in the interval may be hidden"

// mayHide sets what a failover that nobody saw can have been at most.
func (hit *Hit) mayHide(b *book, f history.Fault) {
	for _, m := range b.meters {
		if longest := m.hidden(f); longest > 0 && (hit.Failover == nil || longest > hit.Failover.Hi) {
			hit.Class, hit.Failover = m.Name, &Interval{Hi: longest}
		}
	}
	if hit.Failover != nil {
		hit.Why = joined(hit.Why, behindThen)
	}
}

// isVoid says whether the second of a moment is void for any class.
func (b *book) isVoid(at time.Duration) bool {
	return slices.ContainsFunc(b.meters, func(m *meter) bool { return m.isVoid(at) })
}

// steadyUnknown says of which faults the void seconds hide whether, or when at all, the system was steady again.
func steadyUnknown(h *history.History, b *book) []string {
	var out []string
	for _, f := range h.Faults {
		if f.Healed != 0 && (b.steady(f, allGood) == nil) != (b.steady(f, allBad) == nil) {
			out = append(out, fmt.Sprintf("the load generator was behind (send lag p99 over %s) so often after the heal of step %d that nobody knows when it was steady again", lagLimit, f.Step+1))
		}
	}
	return out
}
