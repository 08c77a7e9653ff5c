package docker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"golang.org/x/sync/errgroup"

	"gauntlet/chaos"
	"gauntlet/chaos/lease"
)

// apply has the target's agent carry the operation out. The effect lies between the message and the answer. An agent that ends
// meanwhile has left nothing behind, so that another one may try.
func (r *Runtime) apply(ctx context.Context, t chaos.Target, id string, op chaos.Op) (chaos.Effect, error) {
	for try := 1; ; try++ {
		eff, err := r.applyOnce(ctx, t, id, op)
		if try == 2 || !errors.Is(err, lease.ErrEnded) {
			return eff, err
		}
	}
}

func (r *Runtime) applyOnce(ctx context.Context, t chaos.Target, id string, op chaos.Op) (chaos.Effect, error) {
	s, m, err := r.agent(ctx, t, op.Verb)
	if err != nil {
		return chaos.Effect{}, err
	}
	s.leave() // calls of one agent are in order anyway
	a, err := m.client.Apply(ctx, id, op)
	if err != nil {
		return chaos.Effect{}, m.explain(err)
	}
	return span{a.Sent, a.Answered}.effect(a.Proof), nil
}

// explain adds what an agent that ended has said.
func (m *member) explain(err error) error {
	if words := m.pipe.LastWords(); words != "" && errors.Is(err, lease.ErrEnded) {
		return fmt.Errorf("agent said %q: %w", words, err)
	}
	return err
}

// checkAgent says whether the agent that was told so still holds it, in the target's present life.
func (r *Runtime) checkAgent(ctx context.Context, t chaos.Target, id string, op chaos.Op) error {
	s, err := r.agents.sit(ctx, t.ID, profileOf(op.Verb))
	if err != nil {
		return err
	}
	m := s.m
	s.leave()
	if !m.serves() {
		info, err := r.inspect(ctx, t.ID)
		switch {
		case errors.Is(err, chaos.ErrGone):
			return fmt.Errorf("%w: %w", chaos.ErrEndedEarly, err)
		case err != nil:
			return err
		case !m.alive():
			return fmt.Errorf("%w: the agent in %s has ended", chaos.ErrEndedEarly, t.Name)
		case m.life != lifeOf(info):
			return fmt.Errorf("%w: %s is in another life than when it was disturbed (it is %s)", chaos.ErrEndedEarly, t.Name, stateOf(info.State))
		}
	}
	err = m.client.Check(ctx, id, op)
	if errors.Is(err, lease.ErrEnded) {
		return fmt.Errorf("%w: %w", chaos.ErrEndedEarly, m.explain(err))
	}
	return err
}

// revoke takes back what an agent did. An agent that is gone, or in a life of the target that is over, has left nothing behind but
// what the kernel does not hold for it: that is cleared by a new one. A target that is gone is ErrGone.
func (r *Runtime) revoke(ctx context.Context, t chaos.Target, id string, op chaos.Op) (chaos.Effect, error) {
	if op.Of == nil || !op.Of.Verb.ByAgent() {
		return chaos.Effect{}, fmt.Errorf("%s: revoke: %w: it does not say what", t.Name, chaos.ErrUnsupported)
	}
	of := *op.Of
	s, err := r.agents.sit(ctx, t.ID, profileOf(of.Verb))
	if err != nil {
		return chaos.Effect{}, err
	}
	defer s.leave()
	began := time.Now()
	proof, err := r.clear(ctx, s, t, id, of)
	if err != nil {
		return chaos.Effect{}, fmt.Errorf("%s: revoke %s: %w", t.Name, of.Verb, err)
	}
	return span{began, time.Now()}.effect(proof), nil
}

func (r *Runtime) clear(ctx context.Context, s *seat, t chaos.Target, id string, of chaos.Op) (proof string, err error) {
	if s.m.serves() {
		if s.m.client.Clear(ctx, id, of) == nil {
			return "the agent took it back", nil
		}
	} else {
		info, err := r.inspect(ctx, t.ID)
		if errors.Is(err, chaos.ErrGone) {
			return "", errors.Join(err, r.evict(ctx, s, t, of.Verb))
		}
		if err != nil {
			return "", err
		}
		if s.m.alive() && s.m.life == lifeOf(info) && s.m.client.Clear(ctx, id, of) == nil {
			return "the agent took it back", nil
		}
	}
	// No agent that can: end whichever there is, also those of other processes, and with it all that the kernel holds for it.
	if err := r.evict(ctx, s, t, of.Verb); err != nil {
		return "", err
	}
	if !residue(of) {
		return "no agent is left in it: the kernel has taken back what it held", nil
	}
	if err := r.occupy(ctx, s, t, of.Verb); err != nil {
		return "", err
	}
	return "a new agent took it back", s.m.client.Clear(ctx, id, of)
}

// residue says whether the operation leaves something behind that outlives the process that did it.
func residue(op chaos.Op) bool {
	if l := op.Resource; l != nil {
		return l.DiskPath != "" || l.ReadBytesPerSecond > 0 || l.WriteBytesPerSecond > 0
	}
	return op.Verb == chaos.VerbReplay || op.State != nil && op.State.Kind == "slow-replay"
}

// evict ends the agent in the seat and those that other processes have for the same target and purpose.
func (r *Runtime) evict(ctx context.Context, s *seat, t chaos.Target, v chaos.Verb) error {
	if err := s.dismiss(ctx); err != nil {
		return err
	}
	_, err := r.endAgents(ctx, filters.Arg("label", labelTarget+"="+t.ID), filters.Arg("label", labelProfile+"="+string(profileOf(v))))
	return err
}

// Sweep ends every agent of the project, whichever process started it, waits until the engine has no such container any more, and
// returns the names of their targets. What they held is undone by then, but for what outlives a process (fills of disks, limits
// of their bandwidth, settings of servers): chaos.VerbRevoke does that.
func (r *Runtime) Sweep(ctx context.Context) (ended []string, err error) {
	ended, err = r.endAgents(ctx)
	return ended, errors.Join(err, r.removeStillborn(ctx))
}

// stillborn is how old a helper must be that was made and never started: a Gauntlet that is starting it now would be younger.
const stillborn = 5 * time.Second

// removeStillborn removes the project's helpers that were made by a Gauntlet which died before it could start them. They do nothing.
func (r *Runtime) removeStillborn(ctx context.Context) error {
	all, err := r.cli.ContainerList(ctx, container.ListOptions{All: true, Filters: filters.NewArgs(
		filters.Arg("label", labelInternal), filters.Arg("label", labelScope+"="+r.opts.Project), filters.Arg("status", "created"))})
	if err != nil {
		return fmt.Errorf("helpers of %s: %w", r.opts.Project, err)
	}
	var errs []error
	for _, c := range all {
		if time.Since(time.Unix(c.Created, 0)) > stillborn {
			errs = append(errs, r.vanish(ctx, c.ID, true))
		}
	}
	return errors.Join(errs...)
}

// endAgents asks the project's agents with these labels to end, and kills those that don't within a second.
func (r *Runtime) endAgents(ctx context.Context, labels ...filters.KeyValuePair) ([]string, error) {
	f := filters.NewArgs(append(labels, filters.Arg("label", labelInternal+"=agent"), filters.Arg("label", labelScope+"="+r.opts.Project))...)
	all, err := r.cli.ContainerList(ctx, container.ListOptions{All: true, Filters: f})
	if err != nil {
		return nil, fmt.Errorf("agents of %s: %w", r.opts.Project, err)
	}
	names := make([]string, len(all))
	errs := make([]error, len(all))
	var g errgroup.Group
	for i, c := range all {
		g.Go(func() error {
			names[i] = c.Labels[labelName]
			patience := 1
			_ = r.cli.ContainerStop(ctx, c.ID, container.StopOptions{Timeout: &patience}) // its removal is what counts
			errs[i] = r.vanish(ctx, c.ID, true)
			return nil
		})
	}
	_ = g.Wait() // the errors are in errs
	return names, errors.Join(errs...)
}
