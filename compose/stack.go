package compose

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/volume"
)

// Labels that both Compose tools set.
const (
	labelProject = "com.docker.compose.project"
	labelService = "com.docker.compose.service"
	labelNumber  = "com.docker.compose.container-number"
)

// projectPrefix begins the Compose project of each topology.
const projectPrefix = "gauntlet-"

// ErrLeft means that something that Down should have removed is still there.
var ErrLeft = errors.New("left behind")

// Options are what Up can do without.
type Options struct {
	PortBase int          // first host port to publish on; 0: $GAUNTLET_PORT_BASE, else DefaultPortBase
	Log      func(string) // told what is done
}

// Stack is a topology that was started.
type Stack struct {
	Project  string // Compose project
	Topology Topology
	engine   *Engine
}

// Up starts t and returns at once, before it is ready. A leftover of the same project is taken down first. On error what was
// started has been taken down again.
func (e *Engine) Up(ctx context.Context, t Topology, opt Options) (*Stack, error) {
	s := &Stack{Project: projectPrefix + t.Name, Topology: t, engine: e}
	if left, err := s.containers(ctx); err != nil {
		return nil, err
	} else if len(left) > 0 {
		opt.Log(fmt.Sprintf("taking down %d containers that an earlier %s left", len(left), t.Name))
		if err := s.Down(ctx); err != nil {
			return nil, err
		}
	}
	env, err := e.environment(ctx, t, opt.PortBase)
	if err != nil {
		return nil, err
	}
	if err := s.composeUp(ctx, env); err != nil {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		defer cancel()
		return nil, errors.Join(fmt.Errorf("start %s: %w", t.Name, err), s.Down(ctx))
	}
	return s, nil
}

// composeUp writes the topology's files and hands them to the Compose tool.
func (s *Stack) composeUp(ctx context.Context, env []string) error {
	dir, err := os.MkdirTemp("", "gauntlet-compose-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	args := append([]string{}, s.engine.compose[1:]...)
	args = append(args, "--project-name", s.Project)
	for _, name := range s.Topology.Files {
		text, err := files.ReadFile(name)
		if err != nil {
			return err
		}
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, text, 0o644); err != nil {
			return err
		}
		args = append(args, "--file", file)
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	_, err = command(ctx, dir, env, s.engine.compose[0], append(args, "up", "--detach")...)
	return err
}

// Find returns the stack of a topology, started by this process or another. It need not run.
func (e *Engine) Find(t Topology) *Stack {
	return &Stack{Project: projectPrefix + t.Name, Topology: t, engine: e}
}

// Stacks returns the stacks of which there is something, by the containers that carry Gauntlet's label.
func (e *Engine) Stacks(ctx context.Context) ([]*Stack, error) {
	var out []*Stack
	for _, t := range All() {
		s := e.Find(t)
		on, err := s.containers(ctx)
		if err != nil {
			return nil, err
		}
		if len(on) > 0 {
			out = append(out, s)
		}
	}
	return out, nil
}

// ours selects what belongs to the project and was started by Gauntlet.
func (s *Stack) ours() filters.Args {
	return filters.NewArgs(filters.Arg("label", labelProject+"="+s.Project), filters.Arg("label", LabelOwner+"=gauntlet"))
}

func (s *Stack) containers(ctx context.Context) ([]container.Summary, error) {
	return s.engine.api.ContainerList(ctx, container.ListOptions{All: true, Filters: s.ours()})
}

// Down removes the project's containers, networks and volumes and returns when they are gone; else ErrLeft names the rest.
// It goes by labels alone, so it works for any process, and twice.
func (s *Stack) Down(ctx context.Context) error {
	on, err := s.containers(ctx)
	if err != nil {
		return fmt.Errorf("%w: project %s: %w", ErrLeft, s.Project, err)
	}
	errs := make([]error, len(on))
	each(len(on), func(i int) { errs[i] = s.remove(ctx, on[i].ID) })
	errs = append(errs, s.removeNetworks(ctx), s.removeVolumes(ctx))
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("%w: project %s: %w; try: gauntlet down %s", ErrLeft, s.Project, err, s.Topology.Name)
	}
	return nil
}

// removeTries is how often a removal is tried: an engine that is busy with the same container says so and must be asked again.
const removeTries = 20

func (s *Stack) remove(ctx context.Context, id string) error {
	return retry(ctx, removeTries, func() error {
		err := s.engine.api.ContainerRemove(ctx, id, container.RemoveOptions{Force: true, RemoveVolumes: true})
		if isGone(err) {
			return nil
		}
		return err
	})
}

func (s *Stack) removeNetworks(ctx context.Context) error {
	all, err := s.engine.api.NetworkList(ctx, network.ListOptions{Filters: s.ours()})
	if err != nil {
		return err
	}
	var errs []error
	for _, n := range all {
		errs = append(errs, retry(ctx, removeTries, func() error { return ignoreGone(s.engine.api.NetworkRemove(ctx, n.ID)) }))
	}
	return errors.Join(errs...)
}

func (s *Stack) removeVolumes(ctx context.Context) error {
	all, err := s.engine.api.VolumeList(ctx, volume.ListOptions{Filters: s.ours()})
	if err != nil {
		return err
	}
	var errs []error
	for _, v := range all.Volumes {
		errs = append(errs, retry(ctx, removeTries, func() error { return ignoreGone(s.engine.api.VolumeRemove(ctx, v.Name, true)) }))
	}
	return errors.Join(errs...)
}

// isGone says whether the engine answered that there is no such thing.
func isGone(err error) bool { return errdefs.IsNotFound(err) }

func ignoreGone(err error) error {
	if isGone(err) {
		return nil
	}
	return err
}
