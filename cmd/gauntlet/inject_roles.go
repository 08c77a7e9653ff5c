package main

import (
	"context"
	"errors"
	"fmt"

	"gauntlet/chaos"
	"gauntlet/chaos/roles"
	"gauntlet/compose"
	"gauntlet/experiments/run"
)

// resolver tells who has which live role in a project: the probes of a topology of ours, or what is known of servers in general.
type resolver struct {
	project *compose.Attached
	foreign *roles.Resolver
}

func newResolver(project *compose.Attached) (resolver, error) {
	foreign, err := roles.New(nil, nil)
	return resolver{project, foreign}, err
}

// of asks for the roles in a runtime.
func (r resolver) of(rt chaos.Runtime) func(ctx context.Context) (map[string][]string, error) {
	if r.project.Topology == "" {
		return r.foreign.Of(rt)
	}
	return func(ctx context.Context) (map[string][]string, error) {
		t, err := compose.Lookup(r.project.Topology)
		if err != nil {
			return nil, err
		}
		return run.Roles(ctx, t, r.project.On)
	}
}

// why adds to an error why nobody has the role that was asked for, as far as it is known.
func (r resolver) why(role string, err error) error {
	if r.project.Topology != "" || role == "" || !errors.Is(err, chaos.ErrNoTarget) {
		return err
	}
	if why := r.foreign.Why(role); why != nil {
		return fmt.Errorf("%w; %w", err, why)
	}
	return err
}
