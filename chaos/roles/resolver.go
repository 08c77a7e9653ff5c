package roles

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"gauntlet/chaos"
)

// askLimit bounds each question, connecting included; askers is how many are asked at the same time.
const (
	askLimit = time.Second
	askers   = 32
)

// Execer runs a command in a container and returns what it prints and its exit code.
type Execer interface {
	Exec(ctx context.Context, id string, cmd []string) (stdout string, code int, err error)
}

// Resolver asks containers for their roles. It is safe for concurrent use.
type Resolver struct {
	declared []Declared
	exec     Execer

	mu   sync.Mutex
	last []answer // of the last Roles
}

// probe is one question for one container.
type probe struct {
	node  node
	kind  string // what the container seems to be, such as "postgres"; "" for a declared role
	gives func(role string) bool
	ask   func(ctx context.Context) ([]string, error)
}

// answer is a probe's outcome.
type answer struct {
	probe
	roles []string
	err   error
}

// New makes a Resolver for the roles that this package knows and those declared; exec is nil if there are no exec probes. It
// fails with chaos.ErrBadSelector if a declaration can't be understood.
func New(declared []Declared, exec Execer) (*Resolver, error) {
	for _, d := range declared {
		err := d.Check()
		if err == nil && len(d.Exec) > 0 && exec == nil {
			err = fmt.Errorf("%w: this runtime can't exec", chaos.ErrUnsupported)
		}
		if err != nil {
			return nil, fmt.Errorf("role %q: %w", d.Name, err)
		}
	}
	return &Resolver{declared: declared, exec: exec}, nil
}

// Of is what chaos.WithRoles wants: it asks the containers of rt, which must not be wrapped with roles itself.
func (r *Resolver) Of(rt chaos.Runtime) func(ctx context.Context) (map[string][]string, error) {
	return func(ctx context.Context) (map[string][]string, error) {
		all, err := rt.List(ctx)
		if err != nil {
			return nil, err
		}
		return r.Roles(ctx, all)
	}
}

// Roles asks all running containers at once and returns the roles by container name, sorted. It fails only if ctx ends.
func (r *Resolver) Roles(ctx context.Context, all []chaos.Container) (map[string][]string, error) {
	probes := r.probes(all)
	answers := make([]answer, len(probes))
	var g errgroup.Group
	g.SetLimit(askers)
	for i, p := range probes {
		g.Go(func() error {
			ctx, cancel := context.WithTimeout(ctx, askLimit)
			defer cancel()
			roles, err := p.ask(ctx)
			answers[i] = answer{p, roles, err}
			return nil
		})
	}
	_ = g.Wait()
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	r.mu.Lock()
	r.last = answers
	r.mu.Unlock()
	return collect(answers), nil
}

func collect(answers []answer) map[string][]string {
	out := map[string][]string{}
	for _, a := range answers {
		name := a.node.c.Name
		out[name] = append(out[name], a.roles...)
	}
	for name, roles := range out {
		slices.Sort(roles)
		if out[name] = slices.Compact(roles); len(roles) == 0 {
			delete(out, name)
		}
	}
	return out
}

// probes are the questions for the containers that run.
func (r *Resolver) probes(all []chaos.Container) []probe {
	var out []probe
	for _, c := range all {
		if c.State != chaos.Running {
			continue
		}
		n := nodeOf(c)
		for _, k := range kindsOf(c) {
			out = append(out, k.probe(n))
		}
		for _, d := range r.declared {
			if d.Service == c.Service {
				out = append(out, d.probe(n, r.exec))
			}
		}
	}
	return out
}

// Why says why nobody has the role, from the last answers: nobody could have it, some did not answer, or all said no. It is nil if
// somebody has it.
func (r *Resolver) Why(role string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	var asked int
	var silent []error
	for _, a := range r.last {
		if !a.gives(role) {
			continue
		}
		if slices.Contains(a.roles, role) {
			return nil
		}
		asked++
		if a.err != nil {
			silent = append(silent, fmt.Errorf("%s: %w", a.node.c.Name, a.err))
		}
	}
	switch {
	case asked == 0:
		return fmt.Errorf("role %s: no running container is known to be able to have it; declare it with an http, sql or exec probe", role)
	case len(silent) > 0:
		return fmt.Errorf("role %s: %d of %d containers that could have it do not say:\n%w", role, len(silent), asked, errors.Join(silent...))
	}
	return fmt.Errorf("role %s: %s was asked, and nobody has it now", role, count(asked, "container"))
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// one says that a role is among these, or is one of these for something, such as "rabbitmq-leader:orders".
func one(roles ...string) func(string) bool {
	return func(role string) bool {
		name, _, _ := strings.Cut(role, ":")
		return slices.Contains(roles, role) || slices.Contains(roles, name)
	}
}
