package docker

import (
	"context"
	"errors"
	"fmt"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"

	"gauntlet/chaos"
)

// Do carries out one operation on a container of the project and returns when it was seen to have taken hold; see chaos.Runtime.
// What agents do in a target is named by id, for Check and chaos.VerbRevoke.
func (r *Runtime) Do(ctx context.Context, t chaos.Target, id string, op chaos.Op) (chaos.Effect, error) {
	switch {
	case op.Verb == chaos.VerbCreate:
		return r.create(ctx, op)
	case op.Verb == chaos.VerbRevoke:
		return r.revoke(ctx, t, id, op)
	case op.Verb.ByAgent():
		return r.apply(ctx, t, id, op)
	}
	info, err := r.find(ctx, t, op)
	if err != nil {
		return chaos.Effect{}, err
	}
	switch op.Verb {
	case chaos.VerbStart:
		return r.run(ctx, info)
	case chaos.VerbRemove:
		return r.take(ctx, info, op.Service != "")
	case chaos.VerbQuota:
		return r.limit(ctx, info, op.CPUs)
	case chaos.VerbSignal:
		return r.signal(ctx, info, op)
	}
	if err := mustRun(info); err != nil {
		return chaos.Effect{}, err
	}
	switch op.Verb {
	case chaos.VerbPause:
		return r.pause(ctx, info)
	case chaos.VerbKill:
		return r.kill(ctx, info)
	case chaos.VerbCrash:
		return r.crash(ctx, info)
	case chaos.VerbStop:
		return r.stop(ctx, info, op.Timeout)
	case chaos.VerbRestart:
		return r.restart(ctx, info, op.Timeout)
	}
	return chaos.Effect{}, fmt.Errorf("%s: %q: %w", nameOf(info), op.Verb, chaos.ErrUnsupported)
}

// Check says whether what op did still holds; see chaos.Runtime. Operations of which nothing lasts hold always.
func (r *Runtime) Check(ctx context.Context, t chaos.Target, id string, op chaos.Op) error {
	if op.Verb.ByAgent() {
		return r.checkAgent(ctx, t, id, op)
	}
	info, err := r.find(ctx, t, op)
	switch {
	case op.Verb == chaos.VerbRemove && errors.Is(err, chaos.ErrGone):
		return nil
	case errors.Is(err, chaos.ErrGone):
		return fmt.Errorf("%w: %w", chaos.ErrEndedEarly, err)
	case err != nil:
		return err
	}
	return r.holds(info, op)
}

// holds compares the container with what the operation made of it.
func (r *Runtime) holds(info container.InspectResponse, op chaos.Op) error {
	want := map[chaos.Verb]chaos.State{
		chaos.VerbPause: chaos.Paused, chaos.VerbKill: chaos.Exited, chaos.VerbStop: chaos.Exited,
		chaos.VerbRemove: chaos.Gone, chaos.VerbCreate: chaos.Running,
	}[op.Verb]
	if got := stateOf(info.State); want != "" && got != want {
		return fmt.Errorf("%w: %s is %s, not %s: something else changed it", chaos.ErrEndedEarly, nameOf(info), got, want)
	}
	if op.Verb == chaos.VerbQuota {
		return r.limited(info, op.CPUs)
	}
	return nil
}

// find asks for the target as it is now. Operations on a replica that had no id when they were planned name it by service and
// number; one that was made again has a new id, and its old one is gone.
func (r *Runtime) find(ctx context.Context, t chaos.Target, op chaos.Op) (container.InspectResponse, error) {
	if t.ID != "" {
		return r.inspect(ctx, t.ID)
	}
	if op.Service == "" {
		return container.InspectResponse{}, fmt.Errorf("%s: %w: neither an id nor a service and a number", t.Name, chaos.ErrGone)
	}
	f := filters.NewArgs(
		filters.Arg("label", labelProject+"="+r.opts.Project), filters.Arg("label", labelService+"="+op.Service),
		filters.Arg("label", fmt.Sprintf("%s=%d", labelNumber, op.Index)))
	all, err := r.cli.ContainerList(ctx, container.ListOptions{All: true, Filters: f})
	if err != nil {
		return container.InspectResponse{}, engineErr(t.Name, err)
	}
	for _, c := range all {
		if refusal(r.opts.Project, c.Labels) == "" {
			return r.inspect(ctx, c.ID)
		}
	}
	return container.InspectResponse{}, fmt.Errorf("%s: %w", t.Name, chaos.ErrGone)
}
