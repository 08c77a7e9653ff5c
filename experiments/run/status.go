package run

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"gauntlet/chaos"
	"gauntlet/experiments/monitor"
	"gauntlet/experiments/probe"
	"gauntlet/loadgen"
)

// Observer is told what is going on. Its methods are called from one goroutine at a time.
type Observer interface {
	// Say reports one thing that happened, as a sentence.
	Say(line string)
	// Status reports the state of the run, once a second while there is load.
	Status(s Status)
}

// Status is the state of the run now. Rates are per second, over the last second of completed requests.
type Status struct {
	Phase   string
	Elapsed time.Duration // since the run began
	Left    time.Duration // of the time under load
	Good    float64       // requests per second that ended well and within the limit
	Bad     float64       // requests per second that did not
	Lag     time.Duration // worst replication lag now
	HasLag  bool
	Fault   string // what is disturbed now, "" for nothing
	Alerts  string // which alerts fire now, "" for none
}

// String is the status as one line of plain text.
func (s Status) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-8s %5.0fs  %4.0f good/s  %4.0f bad/s", s.Phase, s.Elapsed.Seconds(), s.Good, s.Bad)
	if s.HasLag {
		fmt.Fprintf(&b, "  lag %.1fs", s.Lag.Seconds())
	} else {
		b.WriteString("  lag ?   ")
	}
	if s.Fault != "" {
		b.WriteString("  fault: " + s.Fault)
	}
	if s.Alerts != "" {
		b.WriteString("  alert: " + s.Alerts)
	}
	if s.Left > 0 {
		fmt.Fprintf(&b, "  (%.0fs to go)", s.Left.Seconds())
	}
	return b.String()
}

// gauges collects what a Status shows. It is written by the load, the probes and the engine, and read by the ticker.
type gauges struct {
	mu        sync.Mutex
	phase     string
	good, bad uint64 // since the last take
	lag       map[string]lagReading
	faults    map[int]chaos.Window
	firing    map[string]string // alerts, by name and labels
}

type lagReading struct {
	lag time.Duration
	at  time.Duration
}

// lagFresh is how old a lag reading may be to count as now.
const lagFresh = 2 * time.Second

func newGauges() *gauges {
	return &gauges{lag: map[string]lagReading{}, faults: map[int]chaos.Window{}, firing: map[string]string{}}
}

func (g *gauges) setPhase(name string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.phase = name
}

func (g *gauges) sample(s loadgen.Sample, limit time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if s.Out == loadgen.OK && s.Latency() <= limit {
		g.good++
	} else {
		g.bad++
	}
}

func (g *gauges) point(p probe.Point) {
	if p.Metric != probe.ReplicationLag || p.Err != "" {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.lag[p.Target] = lagReading{time.Duration(p.Value * float64(time.Second)), p.At}
}

// alert notes which alerts fire.
func (g *gauges) alert(c monitor.Transition) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if c.To == monitor.Firing {
		g.firing[c.Alert+c.Labels] = c.Alert
	} else {
		delete(g.firing, c.Alert+c.Labels)
	}
}

func (g *gauges) window(w chaos.Window) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if w.Healed.IsZero() && w.Err == "" {
		g.faults[w.Step] = w
	} else {
		delete(g.faults, w.Step)
	}
}

// take returns the status and starts a new second.
func (g *gauges) take(elapsed, left time.Duration) Status {
	g.mu.Lock()
	defer g.mu.Unlock()
	s := Status{Phase: g.phase, Elapsed: elapsed, Left: max(0, left), Good: float64(g.good), Bad: float64(g.bad), Fault: g.disturbed(), Alerts: strings.Join(slices.Compact(slices.Sorted(maps.Values(g.firing))), ", ")}
	g.good, g.bad = 0, 0
	for _, r := range g.lag {
		if elapsed-r.at < lagFresh {
			s.Lag, s.HasLag = max(s.Lag, r.lag), true
		}
	}
	return s
}

// lagNow is the worst lag of a replica now, if it was read lately.
func (g *gauges) lagNow(elapsed time.Duration) (worst time.Duration, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, r := range g.lag {
		if elapsed-r.at < lagFresh {
			worst, ok = max(worst, r.lag), true
		}
	}
	return worst, ok
}

func (g *gauges) disturbed() string {
	var all []string
	for i := range 64 {
		if w, ok := g.faults[i]; ok {
			all = append(all, w.Fault+" "+strings.Join(w.On, ","))
		}
	}
	return strings.Join(all, "; ")
}
