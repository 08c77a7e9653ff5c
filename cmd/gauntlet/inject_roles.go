package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"gauntlet/chaos"
	"gauntlet/chaos/docker"
	"gauntlet/chaos/roles"
	"gauntlet/compose"
	"gauntlet/experiments/run"
)

// resolver tells who has which live role in a project: the probes of a topology of ours, or what is known of servers in general;
// and those roles that the user declares.
type resolver struct {
	project  *compose.Attached
	servers  *roles.Resolver
	declared []roles.Declared
}

func newResolver(project *compose.Attached, rt *docker.Runtime, declared []roles.Declared) (resolver, error) {
	servers, err := roles.New(declared, rt)
	return resolver{project, servers, declared}, err
}

// ours says whether the probes of a topology answer for a role.
func (r resolver) ours(role string) bool {
	return r.project.Topology != "" && !slices.ContainsFunc(r.declared, func(d roles.Declared) bool { return d.Name == role })
}

// of asks for the roles in a runtime.
func (r resolver) of(rt chaos.Runtime) func(ctx context.Context) (map[string][]string, error) {
	if r.project.Topology == "" {
		return r.servers.Of(rt)
	}
	probes := func(ctx context.Context) (map[string][]string, error) {
		t, err := compose.Lookup(r.project.Topology)
		if err != nil {
			return nil, err
		}
		return run.Roles(ctx, t, r.project.On)
	}
	if len(r.declared) == 0 {
		return probes
	}
	return run.Both(probes, r.servers.Of(rt))
}

// why adds to an error why nobody has the role that was asked for, as far as it is known.
func (r resolver) why(role string, err error) error {
	if role == "" || r.ours(role) || !errors.Is(err, chaos.ErrNoTarget) {
		return err
	}
	if why := r.servers.Why(role); why != nil {
		return fmt.Errorf("%w; %w", err, why)
	}
	return err
}
