package docker

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/docker/docker/api/types/container"

	"gauntlet/chaos"
)

const helperTimeout = 30 * time.Second

// crash sends SIGKILL to the container's first process on the host, which the engine takes for a crash, and waits until the
// engine has noticed and its restart policy has acted.
//
// Note: neither the engine's kill nor a signal from inside the container will do: the first disables the restart policy, the
// second is ignored by the kernel for PID 1.
func (r *Runtime) crash(ctx context.Context, info container.InspectResponse) (chaos.Effect, error) {
	at, seen, err := during(ctx, func(ctx context.Context) error { return r.hostKill(ctx, info, "SIGKILL", "") }, r.ended(info))
	if err != nil {
		return chaos.Effect{}, fmt.Errorf("%s: crash: %w", nameOf(info), err)
	}
	now, err := r.confirm(ctx, info.ID, "another life", func(now container.InspectResponse) bool { return noticed(info, now) })
	if err != nil {
		return chaos.Effect{}, err
	}
	return r.gone(info, now, at, seen, aftermath(info, now)), nil
}

// noticed says whether the engine knows that the process of before is gone.
func noticed(before, now container.InspectResponse) bool {
	return stateOf(now.State) != chaos.Running || now.RestartCount != before.RestartCount || now.State.StartedAt != before.State.StartedAt
}

// aftermath is what the restart policy does, in words.
func aftermath(before, now container.InspectResponse) string {
	policy := "no"
	if now.HostConfig != nil && now.HostConfig.RestartPolicy.Name != "" {
		policy = string(now.HostConfig.RestartPolicy.Name)
	}
	if now.RestartCount == before.RestartCount && now.State.StartedAt == before.State.StartedAt && !now.State.Restarting {
		return fmt.Sprintf("engine says exited (%d), restart policy %s", now.State.ExitCode, policy)
	}
	return fmt.Sprintf("engine restarts it by policy %s (restart count %d, was %d)", policy, now.RestartCount, before.RestartCount)
}

// hostKill signals the container's first process, or the oldest one with that command name, directly where this process may,
// else through a helper container.
func (r *Runtime) hostKill(ctx context.Context, info container.InspectResponse, signal, process string) error {
	p, err := r.process(info)
	if err == nil && !r.opts.Helper {
		if err = p.Send(signal, process); err == nil || !errors.Is(err, os.ErrPermission) {
			return err
		}
	}
	if r.opts.Image == "" || len(r.opts.HelperCommand) == 0 {
		return errors.Join(fmt.Errorf("%w: run as root on the engine's own Linux host, or name an image for a helper", chaos.ErrUnsupported), err)
	}
	args := []string{strconv.Itoa(info.State.Pid), info.ID, signal}
	if process != "" {
		args = append(args, process)
	}
	return r.runHelper(ctx, args)
}

// signal sends a signal from outside of the engine: one by the engine would disable the restart policy. SIGCONT finds nothing
// to do in a container that is down.
func (r *Runtime) signal(ctx context.Context, info container.InspectResponse, op chaos.Op) (chaos.Effect, error) {
	if err := mustRun(info); err != nil {
		if op.Signal == "SIGCONT" {
			now := time.Now()
			return span{now, now}.effect("no process is left to go on"), nil
		}
		return chaos.Effect{}, err
	}
	if op.Signal == "SIGKILL" && op.Process == "" {
		return r.crash(ctx, info)
	}
	at, _, err := during(ctx, func(ctx context.Context) error { return r.hostKill(ctx, info, op.Signal, op.Process) }, nil)
	if err != nil {
		return chaos.Effect{}, fmt.Errorf("%s: %s: %w", nameOf(info), op.Signal, err)
	}
	to := fmt.Sprintf("process %d", info.State.Pid)
	if op.Process != "" {
		to = "the oldest process " + op.Process
	}
	return at.effect(fmt.Sprintf("%s was sent to %s", op.Signal, to)), nil
}

// runHelper runs the helper command in a container that can see and kill the host's processes and nothing else. The engine
// removes it when it ends, also if this process does not live to see that.
func (r *Runtime) runHelper(ctx context.Context, args []string) error {
	ctx, cancel := context.WithTimeout(ctx, helperTimeout)
	defer cancel()
	id, err := r.makeHelper(ctx, helperConfig(r.opts, args), helperHost())
	if err != nil {
		return fmt.Errorf("helper: %w", err)
	}
	defer r.remove(ctx, id)
	exited, failed := r.cli.ContainerWait(ctx, id, container.WaitConditionNextExit)
	if err := r.cli.ContainerStart(ctx, id, container.StartOptions{}); err != nil {
		return fmt.Errorf("helper: %w", err)
	}
	select {
	case end := <-exited:
		if end.StatusCode != 0 {
			return fmt.Errorf("helper: exit code %d: it could not signal PID %s", end.StatusCode, args[0])
		}
		return nil
	case err := <-failed:
		return fmt.Errorf("helper: %w", err)
	}
}

// remove takes a helper away that did not go by itself.
func (r *Runtime) remove(ctx context.Context, id string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), helperTimeout)
	defer cancel()
	_ = r.cli.ContainerRemove(ctx, id, container.RemoveOptions{Force: true}) // gone already is the normal case
}

func helperConfig(o Options, args []string) *container.Config {
	return &container.Config{
		Image: o.Image, Entrypoint: o.HelperCommand, Cmd: args, User: "0:0",
		Labels: map[string]string{labelInternal: "hostkill", labelOwner: "gauntlet"},
	}
}

func helperHost() *container.HostConfig {
	return &container.HostConfig{
		AutoRemove: true, PidMode: "host", UsernsMode: "host", CgroupnsMode: container.CgroupnsModeHost, NetworkMode: "none",
		CapDrop: []string{"ALL"}, CapAdd: []string{"KILL"}, ReadonlyRootfs: true, Resources: container.Resources{Memory: 64 << 20},
	}
}
