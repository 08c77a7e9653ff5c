package run

import (
	"context"
	"slices"

	"gauntlet/chaos/docker"
	"gauntlet/chaos/roles"
	"gauntlet/experiments/probe"
)

// asker says which roles each container has now.
type asker = func(ctx context.Context) (map[string][]string, error)

// liveRoles are those that the topology's own probes see and those that the experiment declares; of a system that we know nothing
// about, those that its servers tell.
func (r *runner) liveRoles(watch probe.Watch, rt *docker.Runtime) (asker, error) {
	if r.exp.Attach == nil && len(r.exp.Roles) == 0 {
		return rolesOf(watch), nil
	}
	known, err := roles.New(r.exp.Roles, rt)
	if err != nil {
		return nil, err
	}
	if r.exp.Attach != nil {
		return known.Of(rt), nil
	}
	return Both(rolesOf(watch), known.Of(rt)), nil
}

// Both asks two that say which roles each container has now, and joins their answers; it fails if one of them does.
func Both(a, b asker) asker {
	return func(ctx context.Context) (map[string][]string, error) {
		out, err := a(ctx)
		if err != nil {
			return nil, err
		}
		more, err := b(ctx)
		if err != nil {
			return nil, err
		}
		for name, all := range more {
			all = append(out[name], all...)
			slices.Sort(all)
			out[name] = slices.Compact(all)
		}
		return out, nil
	}
}
