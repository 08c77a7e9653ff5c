package compose

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
)

// Labels that both Compose tools set.
const (
	labelProject = "com.docker.compose.project"
	labelService = "com.docker.compose.service"
	labelNumber  = "com.docker.compose.container-number"
)

// projectPrefix begins the Compose project of each topology.
const projectPrefix = "gauntlet-"

// Options are what Up can do without.
type Options struct {
	Project  string       // Compose project; "": "gauntlet-" and the topology's name
	PortBase int          // first host port to publish on; 0: $GAUNTLET_PORT_BASE, else DefaultPortBase
	Log      func(string) // told what is done

	Rules  string        // rule file of the overlay observability
	Scrape time.Duration // how often its Prometheus looks; 0: every 5 s
}

// Stack is a topology that was started.
type Stack struct {
	Project  string // Compose project
	Topology Topology
	engine   *Engine
	lock     *os.File // held from Up to Down or the end of the process; nil for a stack that was found
}

// Up starts t and returns at once, before it is ready. A leftover of the same project is taken down first, but not what another
// process is working with: ErrBusy. On error what was started has been taken down again, or the error is also ErrLeft.
func (e *Engine) Up(ctx context.Context, t Topology, opt Options) (*Stack, error) {
	s := &Stack{Project: cmp.Or(opt.Project, projectPrefix+t.Name), Topology: t, engine: e}
	var err error
	if s.lock, err = lock(s.Project); err != nil {
		return nil, err
	}
	if err := s.start(ctx, opt); err != nil {
		return nil, errors.Join(err, s.unlock())
	}
	return s, nil
}

func (s *Stack) start(ctx context.Context, opt Options) error {
	left, err := s.left(ctx)
	if err != nil {
		return err
	}
	if len(left) > 0 {
		opt.say("taking down what an earlier %s left: %s", s.Topology.Name, brief(left))
		if err := s.remove(ctx); err != nil {
			return err
		}
	}
	env, err := s.engine.environment(ctx, s.Topology, opt)
	if err != nil {
		return err
	}
	if err := s.composeUp(ctx, env); err != nil {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		defer cancel()
		return errors.Join(fmt.Errorf("start %s: %w", s.Topology.Name, err), s.remove(ctx))
	}
	return nil
}

func (o Options) say(format string, args ...any) {
	if o.Log != nil {
		o.Log(fmt.Sprintf(format, args...))
	}
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
	paths, err := s.Topology.write(dir)
	if err != nil {
		return err
	}
	for _, file := range paths {
		args = append(args, "--file", file)
	}
	ctx, cancel := context.WithTimeout(ctx, 4*time.Minute)
	defer cancel()
	_, err = command(ctx, dir, env, s.engine.compose[0], append(args, "up", "--detach")...)
	return err
}

// Find returns the stack of a topology, started by this process or another. It need not run.
func (e *Engine) Find(t Topology) *Stack {
	return &Stack{Project: projectPrefix + t.Name, Topology: t, engine: e}
}

// Stacks returns the stacks of which there is something, be it only a volume.
func (e *Engine) Stacks(ctx context.Context) ([]*Stack, error) {
	var out []*Stack
	for _, t := range All() {
		s := e.Find(t)
		left, err := s.left(ctx)
		if err != nil {
			return nil, err
		}
		if len(left) > 0 {
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
