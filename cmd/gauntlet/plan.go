package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"gauntlet/chaos"
	"gauntlet/experiments/spec"
)

// printPlans prints what each experiment would do. Targets are resolved on the topology if it runs now.
func printPlans(ctx context.Context, all []spec.Experiment) error {
	for i, e := range all {
		if i > 0 {
			fmt.Println()
		}
		fmt.Print(e.Plan())
		printTargets(ctx, os.Stdout, e)
	}
	return nil
}

// printTargets says which containers the steps would hit if they began now, how, and how that would be undone.
func printTargets(ctx context.Context, w io.Writer, e spec.Experiment) {
	project, topology := "", e.Topology
	if e.Attach != nil {
		project, topology = e.ProjectName(), ""
	}
	s, err := attach(ctx, project, topology, e.Roles)
	if err != nil {
		fmt.Fprintf(w, "  targets: resolved at injection (%v)\n", err)
		return
	}
	defer s.close()
	fmt.Fprintln(w, "  targets, if it began now:")
	writePlans(w, planSteps(ctx, s.live, e.Steps, e.Seed))
}

// plannedStep is what a step would do now.
type plannedStep struct {
	Step    int             `json:"step"` // from 1
	Fault   string          `json:"fault"`
	On      []string        `json:"on"`
	Roles   []string        `json:"roles,omitempty"`
	Actions []plannedAction `json:"actions"`
	Error   string          `json:"error,omitempty"`
	err     error
}

// plannedAction is one target's part.
type plannedAction struct {
	Target string   `json:"target"`
	Do     string   `json:"do"`
	Undo   []string `json:"undo"`
	By     string   `json:"by"` // who carries it out
	text   string
}

// planSteps plans each step as if it began now and alone.
func planSteps(ctx context.Context, rt chaos.Runtime, steps []chaos.Step, seed uint64) []plannedStep {
	var out []plannedStep
	for i, s := range steps {
		out = append(out, planStep(ctx, rt, s, i, seed))
	}
	return out
}

func planStep(ctx context.Context, rt chaos.Runtime, s chaos.Step, i int, seed uint64) plannedStep {
	p := plannedStep{Step: i + 1, Fault: s.Fault.Kind()}
	plan, err := chaos.PlanStep(ctx, rt, s, i, seed)
	if err != nil {
		p.err, p.Error = err, err.Error()
		return p
	}
	for _, c := range plan.On {
		p.On = append(p.On, c.Name)
		p.Roles = append(p.Roles, c.Roles...)
	}
	slices.Sort(p.Roles)
	p.Roles = slices.Compact(p.Roles)
	for _, a := range plan.Actions {
		pa := plannedAction{Target: a.Target.Name, Do: a.Do.String(), Undo: []string{}, By: carriedOutBy(a.Do), text: a.String()}
		for _, op := range a.Undo {
			pa.Undo = append(pa.Undo, op.String())
		}
		p.Actions = append(p.Actions, pa)
	}
	return p
}

// carriedOutBy says who or what does it: the back end.
func carriedOutBy(op chaos.Op) string {
	switch op.Verb {
	case chaos.VerbNet:
		if r := op.Net; r != nil && (r.Drop || r.Reset || r.Refuse) {
			return "nftables, by an agent in its network"
		}
		return "NFQUEUE, by an agent in its network"
	case chaos.VerbHTTP:
		return "a proxy, by an agent in its network"
	case chaos.VerbState, chaos.VerbReplay:
		return "a client, by an agent in its network"
	case chaos.VerbResource:
		return "an agent in its control groups"
	case chaos.VerbCrash, chaos.VerbSignal:
		return "a signal from the host"
	case chaos.VerbSpike:
		return "the load"
	}
	return "the engine"
}

// writePlans prints one line for each step and one for each of its actions.
func writePlans(w io.Writer, plans []plannedStep) {
	for _, p := range plans {
		on := strings.Join(p.On, ", ")
		if len(p.Roles) > 0 {
			on += " (" + strings.Join(p.Roles, ", ") + ")"
		}
		switch {
		case p.err != nil:
			on = ": " + p.Error
		case on != "":
			on = " " + on
		}
		fmt.Fprintf(w, "    step %d: %s%s\n", p.Step, p.Fault, on)
		for _, a := range p.Actions {
			fmt.Fprintf(w, "      %s; by: %s\n", a.text, a.By)
		}
	}
}
