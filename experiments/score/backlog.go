package score

import (
	"fmt"
	"slices"

	"gauntlet/experiments/history"
	"gauntlet/experiments/probe"
)

// Thresholds of the backlog: the alert rule's 1,000 messages, and a job that waits for a minute.
const (
	depthThreshold = 1000.0 // jobs
	ageThreshold   = 60.0   // seconds
)

// backlog is how many jobs waited: in the outbox of the database and in each queue of the broker together.
type backlog struct {
	known bool
	now   map[string]float64 // by queue, as last read
	depth float64            // most that waited at one time
	age   float64            // seconds, highest age of the oldest job in the outbox
}

func (b *backlog) add(pt probe.Point) {
	if pt.Metric == probe.QueueAge {
		b.age = max(b.age, pt.Value)
		return
	}
	if b.now == nil {
		b.now = map[string]float64{}
	}
	b.now[pt.Target] = pt.Value
	sum := 0.0
	for _, n := range b.now {
		sum += n
	}
	b.known, b.depth = true, max(b.depth, sum)
}

// noQueue says why a backlog is not known.
const noQueue = "no queue's depth could be read"

// pressurePart is the worst of what piles up: replication lag, jobs that wait, and the age of the oldest.
func pressurePart(h *history.History, pt points) Part {
	replicas, queue := has(h, "postgres-replica"), has(h, "rabbitmq-leader")
	p := Part{Name: "pressure", Weight: weightPressure, Applicable: replicas || queue, Known: replicas || queue, Utility: exactly(1)}
	if !p.Applicable {
		p.Why = "the topology has no replica and no queue"
	}
	if replicas {
		p.press(pt.known, "no replica's lag could be read", pt.peak, lagThreshold, fmt.Sprintf("replication lag up to %.2f s", pt.peak))
	}
	if queue {
		p.press(pt.queue.known, noQueue, pt.queue.depth, depthThreshold, fmt.Sprintf("up to %.0f jobs waited", pt.queue.depth))
		p.press(pt.queue.known, noQueue, pt.queue.age, ageThreshold, fmt.Sprintf("a job was in the outbox for up to %.1f s", pt.queue.age))
	}
	return p
}

// press takes a pressure in if it is the worst so far.
func (p *Part) press(known bool, why string, x, threshold float64, quantity string) {
	if !known {
		p.Known, p.Why = false, why
		return
	}
	if u := utility(x, threshold); u < p.Utility.Value || p.Quantity == "" {
		p.Utility, p.X, p.Threshold, p.Quantity = exactly(u), x, threshold, quantity
	}
}

func has(h *history.History, role string) bool { return slices.Contains(h.Header.Roles, role) }
