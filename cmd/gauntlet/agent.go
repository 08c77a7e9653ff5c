package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"gauntlet/chaos"
	"gauntlet/chaos/agent"
	"gauntlet/chaos/agent/httpfault"
	"gauntlet/chaos/agent/netfault"
	"gauntlet/chaos/agent/resource"
	"gauntlet/chaos/agent/state"
	"gauntlet/chaos/lease"
)

// agentFlags say where an agent is and what it may be asked to do.
type agentFlags struct {
	target string
	pid    int
	verbs  []string
	lease  time.Duration
}

// agentCommand is what the fault injector runs in a container that shares the target's network, or sees the host's processes.
func agentCommand() *cobra.Command {
	var f agentFlags
	cmd := &cobra.Command{
		Use:    "agent --target CONTAINER --pid PID --verbs LIST",
		Short:  "Disturb a target from inside; the fault injector runs this in a helper container and talks to it over standard input",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE:   func(cmd *cobra.Command, _ []string) error { return beAgent(cmd.Context(), f) },
	}
	fs := cmd.Flags()
	fs.StringVar(&f.target, "target", "", "the target's container id")
	fs.IntVar(&f.pid, "pid", 0, "host PID of the target's first process")
	fs.StringSliceVar(&f.verbs, "verbs", nil, "what it may be asked to do: net, http, state, resource")
	fs.DurationVar(&f.lease, "lease", lease.Default, "how long it goes on without a sign of its client")
	return cmd
}

func beAgent(ctx context.Context, f agentFlags) error {
	workers := map[chaos.Verb]agent.Worker{}
	for _, v := range f.verbs {
		w, err := worker(chaos.Verb(v), f)
		if err != nil {
			return err
		}
		workers[chaos.Verb(v)] = w
	}
	return agent.Serve(ctx, lease.Stdio(), workers, f.lease)
}

// worker makes the worker that carries a verb out.
func worker(v chaos.Verb, f agentFlags) (agent.Worker, error) {
	switch v {
	case chaos.VerbNet:
		return netfault.New()
	case chaos.VerbHTTP:
		return httpfault.New(), nil
	case chaos.VerbState:
		return state.New(), nil
	case chaos.VerbResource:
		return resource.New(f.target, f.pid), nil
	}
	return nil, fmt.Errorf("no agent does %q", v)
}
