package main

import (
	"context"
	"errors"
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
	fs.StringSliceVar(&f.verbs, "verbs", nil, "what it may be asked to do: net, http, state, replay, resource")
	fs.DurationVar(&f.lease, "lease", lease.Default, "how long it goes on without a sign of its client")
	return cmd
}

func beAgent(ctx context.Context, f agentFlags) error {
	workers := map[chaos.Verb]agent.Worker{}
	for _, v := range f.verbs {
		w, err := worker(chaos.Verb(v), f)
		if err != nil {
			w = unable{err} // the other verbs may be all that is asked for
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
	case chaos.VerbState, chaos.VerbReplay:
		return state.New(), nil
	case chaos.VerbResource:
		return resource.New(f.target, f.pid), nil
	}
	return nil, errors.New("no agent does that")
}

// unable is a worker that could not be made, such as one for network faults on a kernel without nftables.
type unable struct{ why error }

// Apply says why it can't.
func (u unable) Apply(_ context.Context, _ string, op chaos.Op) (string, error) {
	return "", fmt.Errorf("%w: %s: %w", chaos.ErrUnsupported, op.Verb, u.why)
}

// Check, Clear and Close have nothing to do: nothing was applied.
func (unable) Check(context.Context, string) error           { return chaos.ErrEndedEarly }
func (unable) Clear(context.Context, string, chaos.Op) error { return nil }
func (unable) Close() error                                  { return nil }
