package score

import (
	"time"

	"gauntlet/experiments/probe"
)

// ofQueue measures the backlog of jobs.
func (m Measure) ofQueue(name string, p points) Measure {
	m.Known, m.Value = p.queue.known, exactly(p.queue.depth)
	if !m.Known {
		m.Why = noQueue
	}
	switch name {
	case "queue_age":
		m.Value = exactly(p.queue.age)
	case "job_age":
		if m.Value = exactly(p.queue.undone); !p.queue.ageRead {
			m.Known, m.Why = false, "nobody looked for the oldest job that was not done"
		}
	case "queue_drain":
		if m.Value = exactly(p.queue.drain.Seconds()); p.queue.drain < 0 {
			m.Value, m.Known, m.Why = exactly(0), false, "the backlog was not worked off within the recording"
		}
	}
	return m
}

// loaded notes how often a web node asked the database to fill the cache. Each node says so once a second, so that what is said within
// a second are all of them.
func (p *points) loaded(pt probe.Point) {
	if p.loads == nil {
		p.loads = map[int64]float64{}
	}
	p.loads[int64(pt.At/time.Second)] += pt.Value
}

// ofLoads measures the busiest second.
func (m Measure) ofLoads(p points) Measure {
	most := 0.0
	for _, n := range p.loads {
		most = max(most, n)
	}
	if m.Value, m.Known = exactly(most), len(p.loads) > 0; !m.Known {
		m.Why = "no web node said how often it fetched for the cache"
	}
	return m
}

// failed counts the class's requests that did not end well in the judged time.
func (m *meter) failed() Interval { return exactly(float64(m.Fail + m.Info + m.Missed)) }

func (i Interval) plus(o Interval) Interval {
	return Interval{i.Value + o.Value, i.Lo + o.Lo, i.Hi + o.Hi}
}
