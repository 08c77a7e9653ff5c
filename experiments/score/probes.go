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

// answers is what a query of the user's own was worth over fault and recovery.
type answers struct {
	cover   coverage
	moments []moment
}

// moment is one time at which a query was asked. A query may give several series: the worst counts.
type moment struct {
	at    time.Duration
	value float64
}

// ask takes a query's word. A gap counts against its coverage.
func (p *points) ask(h *history.History, probes []spec.Probe, pt probe.Point) {
	name, _, _ := strings.Cut(pt.Target, "{")
	i := slices.IndexFunc(probes, func(pr spec.Probe) bool { return pr.Name == name })
	if i < 0 {
		return
	}
	if p.asked == nil {
		p.asked = map[string]*answers{}
	}
	a := p.asked[name]
	if a == nil {
		a = &answers{}
		p.asked[name] = a
	}
	if pt.Err != "" {
		a.cover.add(0, disturbed(h, pt.At))
		return
	}
	if n := len(a.moments) - 1; n >= 0 && a.moments[n].at == pt.At {
		a.moments[n].value = worse(probes[i], a.moments[n].value, pt.Value)
		return
	}
	a.cover.add(1, disturbed(h, pt.At))
	a.moments = append(a.moments, moment{pt.At, pt.Value})
}

func worse(pr spec.Probe, a, b float64) float64 {
	if pr.More {
		return min(a, b)
	}
	return max(a, b)
}

// ofProbe measures what a query was worth. With less than 90 % of its answers it is not known; what was seen is then a bound.
func (m Measure) ofProbe(pr spec.Probe, p points) Measure {
	m.Unit, m.More = pr.Unit, pr.More
	a := p.asked[pr.Name]
	if a == nil || len(a.moments) == 0 {
		m.Known, m.Why = false, "the query never had a value: "+pr.Query
		return m
	}
	m.Value = exactly(a.take(pr))
	if share := a.cover.worst(); share < minCoverage {
		m.Known, m.Why = false, fmt.Sprintf("the query had a value in only %.0f %% of the times at which it was asked", 100*share)
	} else if share < 1 {
		m.Warnings = append(m.Warnings, fmt.Sprintf("the query had no value in %.0f %% of the times at which it was asked", 100*(1-share)))
	}
	return m
}

// take reduces the values to one.
func (a *answers) take(pr spec.Probe) float64 {
	out := a.moments[0].value
	var sum mean
	for _, x := range a.moments {
		out = worse(pr, out, x.value)
		sum.add(x.value)
	}
	switch pr.Take {
	case spec.TakeMean:
		return sum.value()
	case spec.TakeLast:
		return a.moments[len(a.moments)-1].value
	}
	return out
}

// probeOf finds the query of a name.
func (b *book) probeOf(name string) (spec.Probe, bool) {
	i := slices.IndexFunc(b.probes, func(pr spec.Probe) bool { return pr.Name == name })
	if i < 0 {
		return spec.Probe{}, false
	}
	return b.probes[i], true
}
