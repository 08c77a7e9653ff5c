package score

import (
	"strings"
	"time"

	"gauntlet/experiments/history"
	"gauntlet/experiments/probe"
)

// badShare is the share of bad requests, in [0,1], from which a second is bad for clients: that of the reference error alert.
const badShare = 0.01

// unnoticed is the number of judged seconds in which clients had a bad second while the load balancer's health checks said throughout
// that every server was up; false if nobody recorded what they said. It is the differential observability of Huang et al., "Gray
// Failure: The Achilles' Heel of Cloud-Scale Systems", HotOS 2017: where the system and its clients disagree, nobody is paged.
func unnoticed(b *book, h *history.History) (seconds int, known bool) {
	checks := serverStates(h)
	if len(checks) == 0 {
		return 0, false
	}
	const slots = int(time.Second / minSlot)
	down, next := map[string]bool{}, 0
	for first := 0; first < len(b.total); first += slots {
		end := b.span.from + time.Duration(first+slots)*minSlot
		allUp := true
		for ; next < len(checks) && checks[next].At < end; next++ {
			c := checks[next]
			if down[c.Target] = c.To != "UP" && !outOfRotation(c.To); c.At >= end-time.Second {
				allUp = allUp && !down[c.Target]
			}
		}
		for _, is := range down {
			allUp = allUp && !is
		}
		if allUp && b.badSecond(first, min(first+slots, len(b.total))) {
			seconds++
		}
	}
	return seconds, true
}

// outOfRotation says whether no health check speaks of the server: it is no server now, such as a place for one that an autoscaler may
// add, or was taken out by hand.
func outOfRotation(state string) bool { return state == "" || strings.HasPrefix(state, "MAINT") }

// serverStates are the changes of what the load balancer says of its servers, in the order in which they were seen.
func serverStates(h *history.History) []probe.Change {
	var out []probe.Change
	for _, c := range h.Changes {
		if c.What == probe.Server {
			out = append(out, c)
		}
	}
	return out
}

// badSecond says whether so many requests of these slots were bad.
func (b *book) badSecond(from, to int) bool {
	var due, bad uint64
	for _, s := range b.total[from:to] {
		due, bad = due+uint64(s.due), bad+uint64(s.bad)
	}
	return float64(bad) > badShare*float64(due)
}

// ofHealth measures what health checks did not notice.
func (m Measure) ofHealth(b *book, h *history.History) Measure {
	n, known := unnoticed(b, h)
	if m.Value = exactly(float64(n)); !known {
		m.Known, m.Why = false, "no load balancer said how its servers were"
	}
	return m
}
