package score

import (
	"fmt"
	"slices"
	"time"

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

	undone  float64 // seconds, highest age of the oldest write whose job was not done
	ageRead bool    // somebody looked for it

	peak  time.Duration // when depth was reached
	drain time.Duration // from then until few jobs waited; negative while they have not
}

// fewJobs is how many may wait when a backlog counts as worked off: the rule by which workers are taken away again.
const fewJobs = 100

func (b *backlog) add(pt probe.Point) {
	switch pt.Metric {
	case probe.QueueAge:
		b.age = max(b.age, pt.Value)
		return
	case probe.JobAge:
		b.undone, b.ageRead = max(b.undone, pt.Value), true
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
	if sum > b.depth {
		b.peak, b.drain = pt.At, -1
	}
	if sum < fewJobs && b.drain < 0 {
		b.drain = pt.At - b.peak
	}
	b.known, b.depth = true, max(b.depth, sum)
}

// noQueue says why a backlog is not known.
const noQueue = "no queue's depth could be read"

// pressurePart is the worst of what piles up: replication lag, jobs that wait, the age of the oldest, and the processors of the web nodes.
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
		if pt.queue.ageRead { // recordings of before know only the outbox
			p.press(true, "", pt.queue.undone, ageThreshold, fmt.Sprintf("a job was not done for up to %.1f s", pt.queue.undone))
		}
	}
	if busy, ok := pt.webCPU(); ok && p.Applicable && cpuUtility(busy) < p.Utility.Value {
		p.Utility, p.X, p.Threshold, p.Quantity = exactly(cpuUtility(busy)), busy, cpuThreshold, fmt.Sprintf("the busiest web node used %.0f %% of its processors", 100*busy)
	}
	return p
}

// cpuThreshold is the share at which the autoscaling rule adds a web node.
const cpuThreshold = 0.6

// cpuUtility is 1 up to 30 %, 0.6 at the threshold and 0 at 100 %, in straight lines between.
func cpuUtility(share float64) float64 {
	const calm = 0.3
	if share <= cpuThreshold {
		return min(1, 1-0.4*(share-calm)/(cpuThreshold-calm))
	}
	return max(0, 0.6*(1-share)/(1-cpuThreshold))
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
