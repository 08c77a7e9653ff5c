package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strings"

	"gauntlet/chaos"
	"gauntlet/chaos/docker"
	"gauntlet/compose"
	"gauntlet/experiments/run"
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

// printTargets says which containers the steps would hit if they began now.
func printTargets(ctx context.Context, w io.Writer, e spec.Experiment) {
	all, err := liveContainers(ctx, e.Topology)
	if err != nil {
		fmt.Fprintf(w, "  targets: resolved at injection (%v)\n", err)
		return
	}
	fmt.Fprintln(w, "  targets, if it began now:")
	for i, s := range e.Steps {
		on, err := s.On.Resolve(all, rand.New(rand.NewPCG(e.Seed, uint64(i))))
		if err != nil {
			fmt.Fprintf(w, "    step %d: %v\n", i+1, err)
			continue
		}
		for _, c := range on {
			fmt.Fprintf(w, "    step %d: %s %s (%s); undo: make it run again\n", i+1, s.Fault.Kind(), c.Name, strings.Join(c.Roles, ", "))
		}
	}
}

func liveContainers(ctx context.Context, topology string) ([]chaos.Container, error) {
	t, err := compose.Lookup(topology)
	if err != nil {
		return nil, err
	}
	eng, err := compose.Check(ctx)
	if err != nil {
		return nil, err
	}
	stack := eng.Find(t)
	on, err := stack.Inventory(ctx)
	if err != nil {
		return nil, err
	}
	if len(on) == 0 {
		return nil, fmt.Errorf("%s does not run now", topology)
	}
	rt, err := docker.New(ctx, docker.Options{Project: stack.Project})
	if err != nil {
		return nil, err
	}
	defer rt.Close()
	return chaos.WithRoles(rt, func(ctx context.Context) (map[string][]string, error) { return run.Roles(ctx, t, on) }).List(ctx)
}
