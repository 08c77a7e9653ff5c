package docker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/client"

	"gauntlet/chaos"
)

// Labels that this package reads (the first six) and puts on its helpers (the others).
const (
	labelProject  = "com.docker.compose.project"
	labelService  = "com.docker.compose.service"
	labelNumber   = "com.docker.compose.container-number"
	labelOneOff   = "com.docker.compose.oneoff"
	labelTier     = "gauntlet.tier"
	labelScaled   = "gauntlet.scaled" // on what an autoscaler of the project made: who made it
	labelRegion   = "gauntlet.region"
	labelInternal = "gauntlet.internal" // Gauntlet's own: never a target; the value is its role
	labelOwner    = "gauntlet.owner"
	labelScope    = "gauntlet.project"     // the project that it works in
	labelTarget   = "gauntlet.target"      // of an agent: the target's id
	labelName     = "gauntlet.target-name" // and name
	labelProfile  = "gauntlet.profile"     // and what it was given rights for
)

// Options say which containers and how.
type Options struct {
	// Project is the Compose project whose containers are targets. Required.
	Project string
	// Host is the engine, such as "unix:///run/docker.sock"; "" takes DOCKER_HOST or the default.
	Host string
	// Image and HelperCommand run proc.HostKill in a short container with the host's PIDs, for a crash that this process may
	// not do itself (not root, or an engine elsewhere). The command gets two more arguments, a host PID and a container id. Without
	// them such a crash is chaos.ErrUnsupported.
	Image         string
	HelperCommand []string
	// AgentCommand is agent.Serve in the same image, such as "/gauntlet", "agent". It gets more arguments: --target ID --pid N --verbs
	// LIST. Without it, what agents do is chaos.ErrUnsupported.
	AgentCommand []string
	// Lease is how long an agent goes on without a sign of this process; 0 is lease.Default.
	Lease time.Duration
	// Helper makes every crash use the helper, also where this process could do it.
	Helper bool
	// Remote says not to look at this host's /proc, as if the engine were elsewhere. Effects are then known less exactly.
	Remote bool
}

// Runtime is one project on one engine. It is safe for concurrent use.
type Runtime struct {
	cli    *client.Client
	opts   Options
	clock  Clock
	cpus   int // of the engine's machine
	agents agents
}

// New connects to the engine and measures its clock. The caller closes it.
func New(ctx context.Context, o Options) (*Runtime, error) {
	if o.Project == "" {
		return nil, errors.New("docker: no Compose project was named: faults need a scope")
	}
	opts := []client.Opt{client.FromEnv, client.WithAPIVersionNegotiation()}
	if o.Host != "" {
		opts = append(opts, client.WithHost(o.Host))
	}
	cli, err := client.NewClientWithOpts(opts...)
	if err != nil {
		return nil, fmt.Errorf("docker: %w", err)
	}
	r := &Runtime{cli: cli, opts: o}
	if r.clock, r.cpus, err = measure(ctx, cli); err != nil {
		return nil, errors.Join(fmt.Errorf("docker: the engine at %s does not answer (is it running, and may you use it?): %w", cli.DaemonHost(), err), cli.Close())
	}
	return r, nil
}

// Close ends the agents that this process started, and with them what they hold, and lets go of the connections.
func (r *Runtime) Close() error {
	return errors.Join(r.closeAgents(), r.cli.Close())
}

// Project is the scope.
func (r *Runtime) Project() string { return r.opts.Project }

// Clock is how the engine's clock stood to ours when New asked.
func (r *Runtime) Clock() Clock { return r.clock }

// Clock says how an engine's wall clock stands to this process's.
type Clock struct {
	Offset      time.Duration // engine's minus ours; 0 if it can't be told from 0
	Uncertainty time.Duration // half of the time that asking took
}

// measure asks the engine for its time and its processors once.
func measure(ctx context.Context, cli *client.Client) (Clock, int, error) {
	asked := time.Now()
	info, err := cli.Info(ctx)
	if err != nil {
		return Clock{}, 0, err
	}
	half := time.Since(asked) / 2
	engine, err := time.Parse(time.RFC3339Nano, info.SystemTime)
	if err != nil {
		return Clock{}, 0, fmt.Errorf("engine's time: %w", err)
	}
	offset := engine.Sub(asked.Add(half).Round(0))
	if offset.Abs() <= half+time.Millisecond {
		offset = 0
	}
	return Clock{Offset: offset, Uncertainty: half}, info.NCPU, nil
}

// local turns a time on the engine's wall clock into one of ours, with a reading of the monotonic clock. It compares
// with the wall clock as it is now, so it is good for what was moments ago, even if the wall clock is stepped during a run.
func (c Clock) local(engine time.Time) time.Time {
	now := time.Now()
	return now.Add(engine.Add(-c.Offset).Sub(now.Round(0)))
}

// engineErr turns the engine's errors into those that callers tell apart.
func engineErr(name string, err error) error {
	switch {
	case err == nil:
		return nil
	case errdefs.IsNotFound(err):
		return fmt.Errorf("%s: %w: %w", name, chaos.ErrGone, err)
	case errdefs.IsConflict(err):
		return fmt.Errorf("%s: %w: %w", name, chaos.ErrWrongState, err)
	}
	return fmt.Errorf("%s: %w", name, err)
}
