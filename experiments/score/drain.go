package score

import (
	"fmt"
	"math"
	"time"

	"gauntlet/experiments/history"
	"gauntlet/experiments/probe"
)

// Drain is how a backlog of jobs went away, beside what could be foretold when it began to: jobs / (done - new per second). The
// forecast knows only the first seconds; where the drain takes much longer, workers slowed down or more came.
type Drain struct {
	Known    bool          `json:"known"`
	From     time.Duration `json:"from_ns"` // when the last fault was healed, or when most jobs waited if that was later
	Depth    float64       `json:"depth"`   // jobs that waited then
	Before   float64       `json:"before"`  // most that waited in the baseline: it is over when no more wait
	Seconds  float64       `json:"seconds"` // until then; where it is not known, at least so long
	Foretold bool          `json:"foretold"`
	New      float64       `json:"new_per_second"`  // acknowledged writes, each of which brings a job, in the first seconds
	Done     float64       `json:"done_per_second"` // New and by how many jobs the backlog shrank each second
	Forecast float64       `json:"forecast_seconds"`
	Why      string        `json:"why,omitempty"`
}

const (
	drainWatch   = 3 * time.Second // over which the forecast looks
	drainSilence = 5 * time.Second // without a reading nothing is known
	noBacklog    = 10.0            // jobs beyond the baseline's that are none
)

// depths are how many jobs waited over time, in all queues together.
type depths []moment

// readDepths reads the depth of all queues from the baseline on.
func readDepths(h *history.History, sp span) depths {
	var out depths
	now := map[string]float64{}
	for pt, err := range h.Points() {
		if err != nil || pt.Err != "" || pt.Metric != probe.QueueDepth || pt.At < sp.baseline || pt.At >= sp.to {
			continue
		}
		now[pt.Target] = pt.Value
		sum := 0.0
		for _, n := range now {
			sum += n
		}
		out = append(out, moment{pt.At, sum})
	}
	return out
}

// drain measures how the backlog of the faults went away; nil if the topology has no queue or nothing was disturbed.
func drain(h *history.History, b *book) *Drain {
	if !has(h, "rabbitmq-leader") || len(h.Faults) == 0 || b.span.length() == 0 {
		return nil
	}
	d := &Drain{}
	all := readDepths(h, b.span)
	var healed time.Duration
	for _, f := range h.Faults {
		if f.Healed == 0 {
			d.Why = "a fault is not proven healed"
			return d
		}
		healed = max(healed, f.Healed)
	}
	peak := moment{}
	for _, m := range all {
		switch {
		case m.at < b.span.from:
			d.Before = max(d.Before, m.value)
		case m.value > peak.value:
			peak = m
		}
	}
	if peak.value <= d.Before+noBacklog {
		d.Known, d.Why = len(all) > 0, "there was no backlog"
		if !d.Known {
			d.Why = noQueue
		}
		return d
	}
	d.From = max(healed, peak.at)
	d.follow(all, b)
	return d
}

// follow watches the backlog from its beginning to its end.
func (d *Drain) follow(all depths, b *book) {
	last := d.From
	watched := moment{at: -1}
	begun := false
	for _, m := range all {
		if m.at < d.From {
			d.Depth = m.value // the reading before: what waits at the beginning
			continue
		}
		if m.at-last > drainSilence {
			d.Seconds, d.Why = (last - d.From).Seconds(), fmt.Sprintf("nobody read the queues for %.1f s", (m.at-last).Seconds())
			return
		}
		if !begun {
			d.Depth, begun = max(d.Depth, m.value), true
		}
		last = m.at
		if m.at <= d.From+drainWatch {
			watched = m
		}
		if m.value <= d.Before {
			d.Known, d.Seconds = true, (m.at - d.From).Seconds()
			break
		}
	}
	if !d.Known {
		d.Seconds = (last - d.From).Seconds()
		d.Why = "more jobs than before the fault still waited when the load ended"
	}
	d.foretell(watched, b)
}

// foretell makes the forecast from what was seen in the first seconds.
func (d *Drain) foretell(watched moment, b *book) {
	length := (watched.at - d.From).Seconds()
	if length < drainWatch.Seconds()/2 || watched.value <= d.Before {
		d.Why = joined(d.Why, "it was over too soon for a forecast")
		return
	}
	shrinks := (d.Depth - watched.value) / length
	d.New = b.ackedIn(d.From, watched.at) / length
	d.Done = d.New + shrinks
	if shrinks <= 0 {
		d.Why = joined(d.Why, "in its first seconds the backlog did not shrink: by the forecast it never ends")
		return
	}
	d.Foretold, d.Forecast = true, (d.Depth-d.Before)/shrinks
}

// ackedIn counts the acknowledged writes of a time; the seconds at its edges count in part.
func (b *book) ackedIn(from, to time.Duration) float64 {
	var sum float64
	for i, n := range b.acked {
		begin := time.Duration(i) * time.Second
		inside := min(begin+time.Second, to) - max(begin, from)
		if inside > 0 {
			sum += float64(n) * inside.Seconds()
		}
	}
	return sum
}

// maxAcked bounds the seconds for which acknowledged writes are counted.
const maxAcked = 1 << 20

// ack counts an acknowledged write.
func (b *book) ack(end time.Duration) {
	i := int(end / time.Second)
	if i < 0 || i >= maxAcked {
		return
	}
	for len(b.acked) <= i {
		b.acked = append(b.acked, 0)
	}
	b.acked[i]++
}

// ofDrain measures the backlog's end.
func (m Measure) ofDrain(d *Drain) Measure {
	if d == nil {
		m.Known, m.Why = false, "there was no fault, or no queue"
		return m
	}
	m.Known, m.Value, m.Why = d.Known, exactly(d.Seconds), d.Why
	if !d.Known {
		m.Value.Hi = math.MaxFloat64
	}
	return m
}
