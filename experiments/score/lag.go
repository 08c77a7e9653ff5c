package score

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"gauntlet/experiments/history"
	"gauntlet/experiments/probe"
	"gauntlet/experiments/spec"
)

// caughtUp is the lag below which a node that was hit counts as a replica again.
const caughtUp = time.Second

// points is what one pass over the measurements yields.
type points struct {
	known    bool
	peak     float64 // seconds, highest replication lag in the judged time
	peakOf   string
	headless float64         // seconds, highest age of the last acknowledged heartbeat while there was no primary
	thin     []string        // pollers that did not answer often enough
	use      map[string]*use // by container
	answered []string        // targets that still answered while they were disturbed
	silent   bool            // no poller said how well it could see
	queue    backlog
	cpu      map[string]*mean // share of the processors in use, by web node
	calm     map[string]*mean // the same in the baseline
	calmCPU  map[string]*mean // processors in use in the baseline, by container
	asked    map[string]*answers
	loads    map[int64]float64 // fetches from the database to fill the cache, by second
	damage   []error
}

// readPoints reads all measurements.
func readPoints(h *history.History, sp span, probes []spec.Probe) points {
	var p points
	back := map[string]time.Duration{} // when a node that was hit had caught up again
	cover := map[string]*coverage{}
	var pollers []string
	for pt, err := range h.Points() {
		if err != nil {
			p.damage = append(p.damage, err)
			continue
		}
		p.baseline(pt, sp)
		if pt.At < sp.from || pt.At >= sp.to {
			continue
		}
		if pt.Metric == probe.PromQL {
			p.ask(h, probes, pt)
		}
		if pt.Err != "" {
			continue
		}
		switch pt.Metric {
		case probe.ReplicationLag:
			p.lag(h, pt, back)
		case probe.CacheLoads:
			p.loaded(pt)
		case probe.QueueDepth, probe.QueueAge, probe.JobAge:
			p.queue.add(pt)
		case probe.WebCPU:
			p.busy(pt)
		case probe.ContainerCPU, probe.ContainerMemory, probe.ContainerReceived, probe.ContainerSent:
			p.used(pt)
		case probe.HeartbeatAge:
			p.headless = max(p.headless, pt.Value)
		case probe.Answers:
			p.answers(h, pt)
		case probe.Coverage:
			if cover[pt.Target] == nil {
				cover[pt.Target] = &coverage{}
				pollers = append(pollers, pt.Target)
			}
			cover[pt.Target].add(pt.Value, disturbed(h, pt.At))
		}
	}
	p.silent = len(pollers) == 0
	slices.Sort(pollers)
	for _, name := range pollers {
		if c := cover[name].worst(); c < minCoverage && !isHit(h, name) {
			p.thin = append(p.thin, fmt.Sprintf("%s (%.0f %%)", name, 100*c))
		}
	}
	return p
}

// lag notes a replica's lag. A node that was hit is no replica until it has caught up again.
func (p *points) lag(h *history.History, pt probe.Point, back map[string]time.Duration) {
	for _, f := range h.Faults {
		if !slices.Contains(f.On, pt.Target) || f.Began == 0 || pt.At < f.Began || back[pt.Target] > f.Began {
			continue
		}
		if f.Healed != 0 && pt.At > f.Healed && pt.Value < caughtUp.Seconds() {
			back[pt.Target] = pt.At
		}
		return
	}
	p.known = true
	if pt.Value > p.peak {
		p.peak, p.peakOf = pt.Value, pt.Target
	}
}

// busy notes a web node's use of its processors.
func (p *points) busy(pt probe.Point) { p.cpu = noted(p.cpu, pt) }

// noted adds a measurement to the mean of its target.
func noted(to map[string]*mean, pt probe.Point) map[string]*mean {
	if to == nil {
		to = map[string]*mean{}
	}
	if to[pt.Target] == nil {
		to[pt.Target] = &mean{}
	}
	to[pt.Target].add(pt.Value)
	return to
}

// baseline notes how busy nodes were before anything was disturbed; a control is all baseline.
func (p *points) baseline(pt probe.Point, sp span) {
	if pt.Err != "" || pt.At < sp.baseline || pt.At >= sp.to || pt.At >= sp.from && sp.from != sp.baseline {
		return
	}
	switch pt.Metric {
	case probe.WebCPU:
		p.calm = noted(p.calm, pt)
	case probe.ContainerCPU:
		p.calmCPU = noted(p.calmCPU, pt)
	}
}

// webCPU is the mean use of the busiest web node; false if none was asked.
func (p *points) webCPU() (float64, bool) {
	most := 0.0
	for _, m := range p.cpu {
		most = max(most, m.value())
	}
	return most, len(p.cpu) > 0
}

// settle is how long after a fault's last target felt it a target may still answer what was under way.
const settle = time.Second

// silencing are the kinds of faults under which a target can't answer. A crashed one may: its policy restarts it.
var silencing = []string{"kill", "stop", "remove", "pause"}

// answers notes a target that answers although it should be down or frozen.
func (p *points) answers(h *history.History, pt probe.Point) {
	for _, f := range h.Faults {
		if !slices.Contains(silencing, f.Kind) || f.Began == 0 || !slices.Contains(f.On, pt.Target) || pt.Value != 1 || slices.Contains(p.answered, pt.Target) {
			continue
		}
		if pt.At > max(f.Began, f.Whole)+settle && pt.At < f.HealAsked {
			p.answered = append(p.answered, pt.Target)
		}
	}
}

// minCoverage is the share of polls that must have given an answer.
const minCoverage = 0.9

// coverage is how often a poller had an answer: over all of the judged time, and while a fault lasted. Ten blind seconds may
// be few of all, and yet all that matter.
type coverage struct{ all, fault mean }

func (c *coverage) add(share float64, disturbed bool) {
	c.all.add(share)
	if disturbed {
		c.fault.add(share)
	}
}

// worst is the lower of the two.
func (c *coverage) worst() float64 {
	if c.fault.n == 0 {
		return c.all.value()
	}
	return min(c.all.value(), c.fault.value())
}

type mean struct {
	sum float64
	n   int
}

func (m *mean) add(x float64) { m.sum, m.n = m.sum+x, m.n+1 }

func (m *mean) value() float64 { return m.sum / float64(max(1, m.n)) }

// disturbed says whether the second that ended at t was, for the most part, one of a fault.
func disturbed(h *history.History, t time.Duration) bool {
	mid := t - time.Second/2
	return slices.ContainsFunc(h.Faults, func(f history.Fault) bool { return f.Began != 0 && mid >= f.Began && mid < f.HealAsked })
}

// isHit says whether a poller asks a node that a fault hit: that it does not answer is the point.
func isHit(h *history.History, poller string) bool {
	words := strings.Fields(poller)
	for _, f := range h.Faults {
		for _, name := range f.On {
			if slices.Contains(words, name) {
				return true
			}
		}
	}
	return false
}
