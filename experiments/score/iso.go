package score

import (
	"time"

	"gauntlet/experiments/history"
	"gauntlet/experiments/spec"
)

// ISOView is a run in the terms of ISO/IEC 25045:2010, the one standard for measuring recoverability: what share of its
// transactions a system still does under disturbances, and into which intervals the time around each falls.
//
// Note: the ratio depends on how long one watches after a disturbance, which is why it is a view and no part of the score.
type ISOView struct {
	Standard     string    `json:"standard"`
	Transactions string    `json:"transactions"` // what counts as one
	Baseline     float64   `json:"baseline"`     // good transactions per second without a disturbance
	Resiliency   float64   `json:"resiliency"`   // good ones per second over all slots, as a ratio of the baseline, 0 or more
	Known        bool      `json:"known"`        // false: no disturbance, or no baseline
	Slots        []ISOSlot `json:"slots"`
}

// ISOSlot is one injection slot. Its five intervals follow each other and add up to its length; the end of one that was not
// seen is not known, and its time is in the next.
type ISOSlot struct {
	Step       int           `json:"step"`
	Kind       string        `json:"kind"`
	Resiliency float64       `json:"resiliency"` // good transactions per second from the disturbance to the slot's end, as a ratio of the baseline
	Intervals  []ISOInterval `json:"intervals"`
}

// ISOInterval is a piece of a slot.
type ISOInterval struct {
	Name    string  `json:"name"` // injection, detection, recovery initiation, recovery, keep
	Seconds float64 `json:"seconds"`
	Known   bool    `json:"known"`
}

// ISO is the standard's view of a recording.
func ISO(e spec.Experiment, h *history.History) ISOView {
	b := keep(e, h)
	c := Card{Faults: hits(b, h, readPoints(h, b.span, nil))}
	v := ISOView{Standard: "ISO/IEC 25045:2010", Transactions: "requests that were answered well and within the limit, from their due times"}
	if before := (b.span.from - b.span.baseline).Seconds(); before > 0 {
		v.Baseline = float64(b.goodBefore) / before
	}
	var good, expected float64
	start := b.span.baseline
	for i, hit := range c.Faults {
		end := nextFault(h, h.Faults[i], b.span.to)
		if hit.Began == 0 || end <= hit.Began || v.Baseline == 0 {
			continue
		}
		got, want := b.goodIn(hit.Began, end), v.Baseline*(end-hit.Began).Seconds()
		good, expected = good+got, expected+want
		v.Slots = append(v.Slots, ISOSlot{Step: hit.Step, Kind: hit.Kind, Resiliency: got / want, Intervals: intervals(hit, start, end)})
		start = end
	}
	if v.Known = expected > 0; v.Known {
		v.Resiliency = good / expected
	}
	return v
}

// goodIn counts the good requests that were due in a part of the judged time, by whole slots of 100 ms.
func (b *book) goodIn(from, to time.Duration) float64 {
	good := 0.0
	for i, s := range b.total {
		if at := b.span.from + time.Duration(i)*minSlot; at >= from.Truncate(minSlot) && at < to {
			good += float64(s.due - s.bad)
		}
	}
	return good
}

// intervals cut a slot: until the disturbance, until it is detected, until recovery begins (a successor is decided on), until
// the system serves for good again, and the rest.
func intervals(hit Hit, start, end time.Duration) []ISOInterval {
	length := (end - hit.Began).Seconds()
	recovered, known := 0.0, true
	if hit.Failover != nil {
		recovered, known = min(length, hit.Failover.Value), !hit.Open
	}
	detected, decided := stageEnd(hit, "detect"), stageEnd(hit, "decide")
	out := []ISOInterval{{"injection", (hit.Began - start).Seconds(), true}}
	at := 0.0
	for _, b := range []struct {
		name  string
		end   float64
		known bool
	}{{"detection", detected, detected >= 0}, {"recovery initiation", decided, decided >= 0}, {"recovery", recovered, known}, {"keep", length, true}} {
		i := ISOInterval{Name: b.name, Known: b.known}
		if b.known {
			i.Seconds = max(0, min(b.end, length)-at)
			at += i.Seconds
		}
		out = append(out, i)
	}
	return out
}

// stageEnd is when a stage ended, in seconds from the disturbance; -1 if that was not seen.
func stageEnd(hit Hit, name string) float64 {
	sum := 0.0
	for _, s := range hit.Stages {
		if sum += s.Seconds; s.Name == name {
			if !s.Known {
				return -1
			}
			return sum
		}
	}
	return -1
}
