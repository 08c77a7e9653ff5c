package spec

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Plan is what an experiment would do, as far as its file says it: which containers the steps hit is known when they begin.
type Plan struct {
	Experiment string
	Topology   string
	Claim      string
	Seed       uint64
	Client     string        // the model of the load in words
	Rate       float64       // requests per second
	Length     time.Duration // under load, warm-up included
	Ops        []PlannedOp
	Registers  string   // who calls registers, in words; "": nobody
	Spans      []Span   // in the order of their beginnings
	Probes     []string // in words
	Goals      []string
	Aborts     []string
}

// PlannedOp is an operation with its share of the rate.
type PlannedOp struct {
	Name, Class string
	Rate        float64 // requests per second
	Ledger      bool
	Request     string // method and path
}

// Span is a phase or a step. Times count from the end of the warm-up, which is itself before zero.
type Span struct {
	From, To time.Duration
	What     string
}

// Plan resolves all that is known before the run.
func (e Experiment) Plan() Plan {
	p := Plan{
		Experiment: e.Name, Topology: e.Topology, Claim: e.Claim, Seed: e.Seed,
		Client: e.Load.Model(), Rate: e.Load.Rate, Length: e.Length(), Spans: e.spans(),
	}
	var weights float64
	for _, op := range e.Load.Ops {
		weights += op.Weight
	}
	for _, op := range e.Load.Ops {
		p.Ops = append(p.Ops, PlannedOp{op.Name, op.Class, e.Load.Rate * op.Weight / weights, op.Ledger, op.Request.Method + " " + op.Request.Path})
	}
	if c := e.Registers; c != nil {
		p.Registers = fmt.Sprintf("%d processes make %g calls/s on %d shared registers and one of their own each", c.Processes, c.Rate, c.Keys)
	}
	for _, pr := range e.Probes {
		p.Probes = append(p.Probes, pr.words())
	}
	for _, g := range e.Goals {
		p.Goals = append(p.Goals, g.Name()+" "+g.Text)
	}
	for _, a := range e.Aborts {
		p.Aborts = append(p.Aborts, a.Text)
	}
	return p
}

func (e Experiment) spans() []Span {
	out := []Span{{-e.Phases.Warm, 0, "warm-up"}, {0, e.Phases.Baseline, "baseline"}}
	for i, s := range e.Steps {
		out = append(out, Span{s.At, s.At + s.For, fmt.Sprintf("step %d: %s %s", i+1, s.Fault.Kind(), s.On)})
	}
	slices.SortStableFunc(out, func(a, b Span) int { return cmp.Compare(a.From, b.From) })
	return append(out, Span{e.FaultEnd(), e.FaultEnd() + e.Phases.Recovery, "recovery"})
}

// String is the plan for people, several lines.
func (p Plan) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "experiment %s on %s, seed %d\n  claim: %s\n", p.Experiment, p.Topology, p.Seed, p.Claim)
	fmt.Fprintf(&b, "  load: %g requests/s for %s, %s\n", p.Rate, short(p.Length), p.Client)
	for _, op := range p.Ops {
		ledger := ""
		if op.Ledger {
			ledger = ", read back after the fault"
		}
		fmt.Fprintf(&b, "    %-8s %-8s %7.1f/s  %s%s\n", op.Name, op.Class, op.Rate, op.Request, ledger)
	}
	if p.Registers != "" {
		fmt.Fprintf(&b, "  registers: %s\n", p.Registers)
	}
	for _, pr := range p.Probes {
		fmt.Fprintf(&b, "  probe: %s\n", pr)
	}
	b.WriteString("  schedule, counted from the end of the warm-up:\n")
	for _, s := range p.Spans {
		fmt.Fprintf(&b, "    %7s to %-7s %s\n", short(s.From), short(s.To), s.What)
	}
	b.WriteString("  goals:\n")
	for _, g := range p.Goals {
		fmt.Fprintf(&b, "    %s\n", g)
	}
	for _, a := range p.Aborts {
		fmt.Fprintf(&b, "  aborted on %s\n", a)
	}
	return b.String()
}
