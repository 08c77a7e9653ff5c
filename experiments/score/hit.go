package score

import (
	"slices"
	"strings"
	"time"

	"gauntlet/experiments/history"
)

// hits says of each fault what followed it.
func hits(b *book, h *history.History) []Hit {
	var out []Hit
	for _, f := range h.Faults {
		hit := Hit{Step: f.Step, Kind: f.Kind, On: f.On, Roles: f.Roles, Asked: f.Asked, Began: f.Began, Healed: f.Healed, Proof: f.Proof, Proven: f.Began != 0 && f.Proof != "" && f.Err == ""}
		hit.Why = f.Err
		if f.Began != 0 {
			hit.failover(b, f)
			if hit.Failover != nil {
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
//	F = due(first op of the stable run) - t0, known to lie between due(last bad op) - t0 and that, give or take t0's uncertainty
func (hit *Hit) failover(b *book, f history.Fault) {
	worst := 0.0
	for _, m := range b.meters {
		o, ok := outageAfter(m, f)
		if !ok {
			continue
		}
		if lost := float64(o.Bad) / m.rate; lost > worst {
			worst = lost
			hit.Class = m.Name
			hit.Failover, hit.Why = nil, f.Err
			if o.Open {
				hit.Why = strings.TrimPrefix(f.Err+"; "+m.Name+" requests were never served for good again", "; ")
				hit.Failover = &Interval{Value: (b.span.to - f.Began).Seconds(), Lo: max(0, (o.LastBad - f.Began - f.Uncertainty).Seconds()), Hi: (b.span.to - f.Began).Seconds()}
				continue
			}
			hit.Failover = &Interval{
				Value: max(0, (o.StableDue - f.Began).Seconds()),
				Lo:    max(0, (o.LastBad - f.Began - f.Uncertainty).Seconds()),
				Hi:    max(0, (o.StableDue - f.Began + f.Uncertainty).Seconds()),
			}
		}
	}
}

// outageAfter is the first outage of a class that the fault can have caused: it starts after the fault began, or was due
// before and met by it, and before the healing was asked for.
func outageAfter(m *meter, f history.Fault) (Outage, bool) {
	earliest := f.Began - f.Uncertainty - m.outages.resolution - time.Second
	latest := f.HealAsked
	if latest == 0 {
		latest = m.span.to
	}
	for _, o := range m.outages.windows() {
		if o.Start >= earliest && o.Start < latest && (o.Open || o.StableDue > f.Began) {
			return o, true
		}
	}
	return Outage{}, false
}

// after is the time from the heal to the start of the first 10 s with 99 % good requests, in seconds; nil if there are none.
// Good means within the limit, so the p99 is within it too.
func after(b *book, f history.Fault) *float64 {
	if f.Healed == 0 {
		return nil
	}
	const window = int(10 * time.Second / minSlot)
	first := max(0, int((f.Healed-b.span.from+minSlot-1)/minSlot))
	var due, bad uint64
	for i := first; i < len(b.total); i++ {
		due, bad = due+uint64(b.total[i].due), bad+uint64(b.total[i].bad)
		if i-first >= window {
			due, bad = due-uint64(b.total[i-window].due), bad-uint64(b.total[i-window].bad)
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
