package docker

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"

	"gauntlet/chaos"
	"gauntlet/chaos/proc"
)

const (
	confirmFirst   = 10 * time.Millisecond  // between two questions to the engine, at first; twice as long after each
	confirmEvery   = 160 * time.Millisecond // at most: a question cost the engine 1.1 ms on a slow machine, and a fault may have many targets
	confirmTimeout = 20 * time.Second       // for the engine to say what was done
	policyPatience = 5 * time.Second        // for a restart policy that waits between two tries, before it is overruled
)

// nameOf is how errors name a container.
func nameOf(info container.InspectResponse) string { return strings.TrimPrefix(info.Name, "/") }

func mustRun(info container.InspectResponse) error {
	if s := stateOf(info.State); s != chaos.Running {
		return fmt.Errorf("%s is %s, not running: %w", nameOf(info), s, chaos.ErrWrongState)
	}
	return nil
}

func (r *Runtime) kill(ctx context.Context, info container.InspectResponse) (chaos.Effect, error) {
	return r.down(ctx, info, func(ctx context.Context) error { return r.cli.ContainerKill(ctx, info.ID, "SIGKILL") })
}

// stop asks the container to end and kills it after the timeout, in whole seconds rounded up.
func (r *Runtime) stop(ctx context.Context, info container.InspectResponse, timeout time.Duration) (chaos.Effect, error) {
	at := seconds(timeout)
	return r.down(ctx, info, func(ctx context.Context) error {
		return r.cli.ContainerStop(ctx, info.ID, container.StopOptions{Timeout: &at})
	})
}

func seconds(d time.Duration) int { return int((d + time.Second - 1) / time.Second) }

// restart stops the container like stop and starts it again. The effect is the end of the old process.
func (r *Runtime) restart(ctx context.Context, info container.InspectResponse, timeout time.Duration) (chaos.Effect, error) {
	seconds := seconds(timeout)
	at, seen, err := during(ctx, func(ctx context.Context) error {
		return r.cli.ContainerRestart(ctx, info.ID, container.StopOptions{Timeout: &seconds})
	}, r.ended(info))
	if err != nil {
		return chaos.Effect{}, engineErr(nameOf(info), err)
	}
	now, err := r.confirm(ctx, info.ID, "running in another life", func(now container.InspectResponse) bool {
		return runs(now) && now.State.StartedAt != info.State.StartedAt
	})
	if err != nil {
		return chaos.Effect{}, err
	}
	return r.gone(info, now, at, seen, fmt.Sprintf("process %d runs", now.State.Pid)), nil
}

// down ends the first process by a call of the engine and confirms that the engine keeps the container down.
func (r *Runtime) down(ctx context.Context, info container.InspectResponse, call func(context.Context) error) (chaos.Effect, error) {
	at, seen, err := during(ctx, call, r.ended(info))
	if err != nil {
		return chaos.Effect{}, engineErr(nameOf(info), err)
	}
	now, err := r.confirm(ctx, info.ID, "down", func(now container.InspectResponse) bool {
		return stateOf(now.State) == chaos.Exited && !now.State.Restarting
	})
	if err != nil {
		return chaos.Effect{}, err
	}
	return r.gone(info, now, at, seen, fmt.Sprintf("engine says exited (%d)", now.State.ExitCode)), nil
}

// process is the container's first process as seen from here.
func (r *Runtime) process(info container.InspectResponse) (*proc.Process, error) {
	if r.opts.Remote {
		return nil, proc.ErrNotHere
	}
	return proc.Find(info.State.Pid, info.ID)
}

// ended is how to see from here that the container's first process is gone; nil if it can't be seen.
func (r *Runtime) ended(info container.InspectResponse) func() (bool, error) {
	p, err := r.process(info)
	if err != nil {
		return nil
	}
	return p.Ended
}

// gone is the effect of a process's end. Where the process could not be watched, it ended after the asking and before the engine
// noticed, which is FinishedAt.
func (r *Runtime) gone(before, now container.InspectResponse, at span, seen bool, engine string) chaos.Effect {
	proof := fmt.Sprintf("process %d gone; %s", before.State.Pid, engine)
	if seen {
		return at.effect(proof)
	}
	if finished, err := time.Parse(time.RFC3339Nano, now.State.FinishedAt); err == nil {
		noticed := r.clock.local(finished).Add(r.clock.Uncertainty)
		if noticed.After(at.lo) && noticed.Before(at.hi) {
			at.hi = noticed
		}
	}
	return at.effect(proof)
}

func (r *Runtime) pause(ctx context.Context, info container.InspectResponse) (chaos.Effect, error) {
	at, seen, err := during(ctx, func(ctx context.Context) error { return r.freeze(ctx, info.ID) }, r.frozen(info))
	if err != nil {
		return chaos.Effect{}, engineErr(nameOf(info), err)
	}
	if _, err := r.confirm(ctx, info.ID, "paused", func(now container.InspectResponse) bool { return now.State.Paused }); err != nil {
		return chaos.Effect{}, err
	}
	if seen {
		return at.effect("cgroup frozen; engine says paused"), nil
	}
	return at.effect("engine says paused"), nil
}

// freezeTries is how often a freeze is asked for.
const freezeTries = 3

// freeze asks the engine to pause. On a busy machine with cgroup v1 runc gives up ("unable to freeze") while processes of the
// container are in system calls that can't be frozen; it has thawed them again then, and can be asked again.
func (r *Runtime) freeze(ctx context.Context, id string) error {
	for try := 1; ; try++ {
		err := r.cli.ContainerPause(ctx, id)
		if err == nil || try == freezeTries || !strings.Contains(err.Error(), "unable to freeze") {
			return err
		}
	}
}

// frozen is how to see from here that the container's cgroup is frozen; nil if it can't be seen.
func (r *Runtime) frozen(info container.InspectResponse) func() (bool, error) {
	p, err := r.process(info)
	if err != nil {
		return nil
	}
	if _, err := p.Frozen(); err != nil {
		return nil
	}
	return p.Frozen
}

// run makes the container run, whatever it does now.
func (r *Runtime) run(ctx context.Context, info container.InspectResponse) (chaos.Effect, error) {
	if stateOf(info.State) == chaos.Running {
		now := time.Now()
		return span{now, now}.effect("ran already"), nil
	}
	at, _, err := during(ctx, func(ctx context.Context) error { return r.bringUp(ctx, info) }, nil)
	if err != nil {
		return chaos.Effect{}, err
	}
	now, err := r.confirm(ctx, info.ID, "running", runs)
	if err != nil {
		return chaos.Effect{}, err
	}
	return at.effect(fmt.Sprintf("process %d runs", now.State.Pid)), nil
}

func runs(now container.InspectResponse) bool {
	return stateOf(now.State) == chaos.Running && now.State.Pid > 0
}

// bringUp makes the one call that the state needs. A container between two tries of its restart policy is given some time.
func (r *Runtime) bringUp(ctx context.Context, info container.InspectResponse) error {
	name := nameOf(info)
	switch {
	case info.State.Paused:
		return engineErr(name, r.cli.ContainerUnpause(ctx, info.ID))
	case info.State.Restarting:
		waiting, cancel := context.WithTimeout(ctx, policyPatience)
		defer cancel()
		if _, err := r.confirm(waiting, info.ID, "running", runs); err == nil || errors.Is(err, chaos.ErrGone) {
			return err
		}
		at := 0
		return engineErr(name, r.cli.ContainerRestart(ctx, info.ID, container.StopOptions{Timeout: &at}))
	}
	return engineErr(name, r.cli.ContainerStart(ctx, info.ID, container.StartOptions{}))
}

// confirm asks the engine until it says so.
func (r *Runtime) confirm(ctx context.Context, id, what string, is func(container.InspectResponse) bool) (container.InspectResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, confirmTimeout)
	defer cancel()
	pause := confirmFirst
	tick := time.NewTimer(pause)
	defer tick.Stop()
	for {
		now, err := r.inspect(ctx, id)
		if err != nil || is(now) {
			return now, err
		}
		select {
		case <-ctx.Done():
			return now, fmt.Errorf("%s: the engine says %s, want %s: %w", nameOf(now), now.State.Status, what, ctx.Err())
		case <-tick.C:
			pause = min(2*pause, confirmEvery)
			tick.Reset(pause)
		}
	}
}
