package score

import (
	"cmp"
	"slices"

	"gauntlet/experiments/history"
	"gauntlet/experiments/probe"
)

// ContainerUse is what a container used of the machine over fault and recovery, asked every few seconds.
type ContainerUse struct {
	Name     string  `json:"name"`
	CPU      float64 `json:"cpu"`      // processors, mean
	CPUMax   float64 `json:"cpu_max"`  // highest of all answers
	Memory   float64 `json:"memory"`   // bytes, highest
	Received float64 `json:"received"` // bytes per second, mean
	Sent     float64 `json:"sent"`
	Starts   int     `json:"starts"` // how often it was started while the load lasted: restarts, and returns after a fault
}

// use gathers the answers of one container.
type use struct {
	cpu, received, sent mean
	held                mean // memory
	cpuMax, memory      float64
}

// used takes a measurement of a container.
func (p *points) used(pt probe.Point) {
	if p.use == nil {
		p.use = map[string]*use{}
	}
	u := p.use[pt.Target]
	if u == nil {
		u = &use{}
		p.use[pt.Target] = u
	}
	switch pt.Metric {
	case probe.ContainerCPU:
		u.cpu.add(pt.Value)
		u.cpuMax = max(u.cpuMax, pt.Value)
	case probe.ContainerMemory:
		u.memory = max(u.memory, pt.Value)
		u.held.add(pt.Value)
	case probe.ContainerReceived:
		u.received.add(pt.Value)
	case probe.ContainerSent:
		u.sent.add(pt.Value)
	}
}

// containers are all that were asked, those that used most of the processors first.
func containers(h *history.History, sp span, p points) []ContainerUse {
	var out []ContainerUse
	for name, u := range p.use {
		c := ContainerUse{Name: name, CPU: u.cpu.value(), CPUMax: u.cpuMax, Memory: u.memory, Received: u.received.value(), Sent: u.sent.value()}
		for _, e := range h.Engine {
			if e.Container == name && e.Action == "start" && e.At >= sp.baseline && e.At < sp.to {
				c.Starts++
			}
		}
		out = append(out, c)
	}
	slices.SortFunc(out, func(a, b ContainerUse) int { return cmp.Or(cmp.Compare(b.CPU, a.CPU), cmp.Compare(a.Name, b.Name)) })
	return out
}
