package score

import (
	"fmt"
	"maps"
	"slices"

	"gauntlet/experiments/history"
)

// Cost is what a topology takes, beside the score and never inside: else over-provisioning would buy resilience unseen. It is
// measured over fault and recovery, by asking each container every few seconds; one that was down counts as if it had gone on.
type Cost struct {
	Known      bool     `json:"known"`
	Containers int      `json:"containers"`       // that ran when the load began
	CPUSeconds float64  `json:"cpu_seconds"`      // of all containers
	Memory     float64  `json:"memory_bytes"`     // of all containers, mean
	PerCPU     float64  `json:"cpu_seconds_1000"` // CPUSeconds for 1,000 requests that were answered well
	PerMemory  float64  `json:"byte_seconds_1000"`
	Why        string   `json:"why,omitempty"`
	Capacity   Capacity `json:"capacity"`
}

// Capacity is the rate that the topology could serve, by the utilisation law: the rate of the baseline over the share of the
// busiest resource. It is an estimate from above: something else may run out before.
type Capacity struct {
	Known bool    `json:"known"`
	Rate  float64 `json:"rate"`  // requests per second
	Busy  float64 `json:"busy"`  // share in [0,1] of the busiest resource
	Limit string  `json:"limit"` // which that is
	Why   string  `json:"why,omitempty"`
}

// leastBusy is the share below which a resource says nothing of its end: what runs anyway is more than what requests cost.
const leastBusy = 0.05

// cost sums up what the containers used.
func cost(h *history.History, b *book, p points) Cost {
	c := Cost{Containers: h.Header.Containers, Capacity: capacity(h, b, p)}
	if c.Containers == 0 {
		c.Containers = len(p.use) // an old recording does not say
	}
	for _, name := range slices.Sorted(maps.Keys(p.use)) { // the same order each time, for the same bits
		u := p.use[name]
		c.CPUSeconds += u.cpu.value() * b.span.length().Seconds()
		c.Memory += u.held.value()
	}
	good := 0.0
	for _, s := range b.total {
		good += float64(s.due - s.bad)
	}
	switch {
	case len(p.use) == 0:
		c.Why = "no container said what it uses"
		return c
	case len(p.use) < c.Containers:
		c.Why = fmt.Sprintf("only %d of %d containers said what they use", len(p.use), c.Containers)
		return c
	}
	c.Known = true
	if good > 0 {
		c.PerCPU, c.PerMemory = 1000*c.CPUSeconds/good, 1000*c.Memory*b.span.length().Seconds()/good
	}
	return c
}

// capacity is estimated from the baseline.
func capacity(h *history.History, b *book, p points) Capacity {
	var c Capacity
	for name, m := range p.calm {
		if x := m.value(); x > c.Busy || x == c.Busy && name < c.Limit {
			c.Busy, c.Limit = x, name
		}
	}
	var all float64
	for _, name := range slices.Sorted(maps.Keys(p.calmCPU)) {
		all += p.calmCPU[name].value()
	}
	if n := h.Header.Machine.CPUs; n > 0 && all/float64(n) > c.Busy {
		c.Busy, c.Limit = all/float64(n), "this machine"
	}
	rate := b.calmRate()
	switch {
	case c.Limit == "":
		c.Why = "nobody said how busy it was in the baseline"
	case rate == 0:
		c.Why = "nothing was answered well in the baseline"
	case c.Busy < leastBusy:
		c.Why = fmt.Sprintf("the busiest, %s, used only %.1f %% of its processors: too little to tell", c.Limit, 100*c.Busy)
	default:
		c.Known, c.Rate = true, rate/c.Busy
	}
	return c
}

// calmRate is how many requests per second were answered well in the baseline; of a control, in all of the judged time.
func (b *book) calmRate() float64 {
	if length := b.span.from - b.span.baseline; length > 0 {
		return float64(b.goodBefore) / length.Seconds()
	}
	good := 0.0
	for _, s := range b.total {
		good += float64(s.due - s.bad)
	}
	return good / max(b.span.length().Seconds(), 1e-9)
}
