package chaos

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// reapplyFor bounds how long a step tries to bring its fault back to a target that restarted.
const reapplyFor = 30 * time.Second

// held is what a step knows of its hold on one target.
type held struct {
	lost    time.Time // since when the fault does not hold; zero while it does
	given   bool      // nothing more is tried or said
	unknown bool      // it was said that nobody can tell
}

func newHolds(actions []Action) []*held {
	out := make([]*held, len(actions))
	for i := range out {
		out[i] = &held{}
	}
	return out
}

// follow looks whether the fault still holds on target i. What an agent did is over when the target restarts, or is made
// again: then it is applied anew, unless somebody healed it on purpose. An agent that dies in a target that lives on is not
// replaced: what killed it meant it. Faults that ended early prove nothing about the time that was left, and the window says so.
func (e *engine) follow(ctx context.Context, in *injection, h *held, i int, last bool) {
	a := in.actions[i]
	if h.given || ctx.Err() != nil || !lasting(a.Do.Verb) {
		return
	}
	err := e.rt.Check(ctx, a.Target, in.id, a.Do)
	switch {
	case ctx.Err() != nil:
	case err == nil:
		h.lost = time.Time{}
	case !errors.Is(err, ErrEndedEarly) && !errors.Is(err, ErrGone):
		if last || !h.unknown {
			h.unknown = true
			in.window.note(fmt.Errorf("%s: whether the fault holds is unknown: %w", a.Target.Name, err))
		}
	case !a.Do.Verb.ByAgent() || e.opts.Journal.HealedByOther(in.id):
		h.given = true
		in.window.note(ended(a.Target.Name, err))
	default:
		e.reapply(ctx, in, h, i, err, last)
	}
}

// ended says why a fault is over.
func ended(name string, err error) error {
	switch {
	case errors.Is(err, ErrGone):
		return fmt.Errorf("%w: %s was removed", ErrEndedEarly, name)
	case errors.Is(err, ErrEndedEarly):
		return err
	}
	return fmt.Errorf("%w: %w", ErrEndedEarly, err)
}

// reapply brings a fault back to a target that lives again, which may have another id and other addresses by then.
func (e *engine) reapply(ctx context.Context, in *injection, h *held, i int, cause error, last bool) {
	if h.lost.IsZero() {
		h.lost = now()
	}
	err := e.again(ctx, in, i)
	if err == nil {
		in.window.Notes = append(in.window.Notes, fmt.Sprintf("re-applied to %s %s after it was lost", in.actions[i].Target.Name, seconds(now().Sub(h.lost))))
		h.lost = time.Time{}
		return
	}
	if errors.Is(err, errAgentDied) {
		err = errors.Join(err, e.residue(ctx, in, i))
	}
	if last || errors.Is(err, errAgentDied) || now().Sub(h.lost) > reapplyFor {
		h.given = true
		in.window.note(fmt.Errorf("%w (not re-applied: %w)", ended(in.actions[i].Target.Name, cause), err))
	}
}

// residue undoes what may have outlived its agent, such as a limit in a cgroup, at once: the fault is over.
func (e *engine) residue(ctx context.Context, in *injection, i int) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoTimeout)
	defer cancel()
	if err := undoOne(ctx, e.rt, in.id, in.actions[i]); err != nil && !errors.Is(err, ErrGone) {
		return err // it is tried again, and judged, at the end of the step
	}
	return nil
}

// errAgentDied means that the target lives on without the agent.
var errAgentDied = errors.New("its agent died")

// again plans anew for the same name among the containers that there are now, tells the undo log, and carries it out.
func (e *engine) again(ctx context.Context, in *injection, i int) error {
	all, err := bare(e.rt).List(ctx)
	if err != nil {
		return err
	}
	name := in.actions[i].Target.Name
	at := slices.IndexFunc(all, func(c Container) bool { return c.Name == name && c.State == Running })
	if at < 0 {
		return fmt.Errorf("%s does not run", name)
	}
	if k := slices.IndexFunc(in.on, func(c Container) bool { return c.Name == name }); k >= 0 && in.on[k].ID == all[at].ID && in.on[k].PID == all[at].PID {
		return errAgentDied
	}
	on := slices.Clone(in.on)
	for k, c := range on {
		if j := slices.IndexFunc(all, func(n Container) bool { return n.Name == c.Name }); j >= 0 {
			on[k] = all[j]
		}
	}
	actions, err := in.step.Fault.Plan(Scene{All: all, Seed: in.scene.Seed}, on)
	if err != nil || len(actions) != len(in.actions) {
		return errors.Join(err, fmt.Errorf("%d targets instead of %d", len(actions), len(in.actions)))
	}
	if err := e.opts.Journal.Add(in.id, actions[i]); err != nil {
		return err
	}
	// Not cut short with ctx: see inject.
	doCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), injectTimeout)
	defer cancel()
	if _, err = e.rt.Do(doCtx, actions[i].Target, in.id, actions[i].Do); err != nil {
		return err
	}
	in.actions[i], in.on = actions[i], on
	return nil
}

// lasting says whether what the verb does lasts until it is undone.
func lasting(v Verb) bool {
	return v != VerbCrash && v != VerbRestart && v != VerbSignal && v != VerbCreate
}
