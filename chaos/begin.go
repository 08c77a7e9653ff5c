package chaos

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// injection is a step whose targets are known.
type injection struct {
	step    Step
	window  Window
	on      []Container
	scene   Scene
	actions []Action
	id      string // in the undo log, and of its rules in agents
}

// begin resolves the targets of a step and starts it. It reports whether the schedule can go on.
func (e *engine) begin(ctx context.Context, i int, s Step, a active) bool {
	if ctx.Err() != nil {
		return false
	}
	in := injection{step: s, window: Window{Step: i, Fault: s.Fault.Kind()}}
	in.window.Asked = now()
	if err := e.resolve(ctx, &in); err != nil {
		e.fail(in.window, fmt.Errorf("step %d (%s): %w", i+1, in.window.Fault, err))
		return false
	}
	e.wg.Go(func() {
		defer close(a.done)
		defer e.release(in)
		e.disturb(ctx, a, in)
	})
	return true
}

// rolePatience is how long a step waits for somebody to have the role that it asks for: it may be moving.
const rolePatience = 5 * time.Second

// resolve waits, shortly, for targets. Times count from the injection, so a wait shows in the window and bends nothing.
func (e *engine) resolve(ctx context.Context, in *injection) error {
	deadline := now().Add(rolePatience)
	for {
		err := e.tryResolve(ctx, in)
		if !errors.Is(err, ErrNoTarget) || in.step.On.Role == "" || now().After(deadline) || sleep(ctx, lookEvery) != nil {
			return err
		}
	}
}

// tryResolve draws the targets, plans what to do with them and holds them.
func (e *engine) tryResolve(ctx context.Context, in *injection) error {
	all, err := e.list(ctx, in.step)
	if err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	plan, err := planStep(in.step, in.window.Step, e.seed, all, e.held)
	if err != nil {
		return err
	}
	in.on, in.scene, in.actions = plan.On, plan.Scene, plan.Actions
	for _, c := range in.on {
		e.held[c.Name] = append(e.held[c.Name], FamilyOf(in.step.Fault))
	}
	in.window.describe(in.on, in.actions)
	return nil
}

// list asks for the containers, with what the step's fault must know of them.
func (e *engine) list(ctx context.Context, s Step) ([]Container, error) {
	all, err := e.rt.List(ctx)
	if err != nil && s.On.Role == "" {
		all, err = bare(e.rt).List(ctx) // roles are not needed, and who could tell them may be disturbed already
	}
	if err != nil {
		return nil, err
	}
	return withSnapshots(ctx, e.rt, s.Fault, all)
}

// withSnapshots fills Snapshot for faults that remove containers.
func withSnapshots(ctx context.Context, rt Runtime, f Fault, all []Container) ([]Container, error) {
	if r, ok := f.(interface{ Removes() bool }); !ok || !r.Removes() {
		return all, nil
	}
	snap, ok := Power[Snapshotter](rt)
	if !ok {
		return nil, fmt.Errorf("%s: %w", f.Kind(), ErrUnsupported)
	}
	for i := range all {
		var err error
		if all[i].Snapshot, err = snap.Snapshot(ctx, all[i].ID); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// StepPlan is what one step would do now.
type StepPlan struct {
	On      []Container
	Scene   Scene
	Actions []Action
}

// PlanStep says what step i would do to these containers: the same that Run does if the containers are the same then.
func PlanStep(ctx context.Context, rt Runtime, s Step, i int, seed uint64) (StepPlan, error) {
	e := engine{rt: rt}
	all, err := e.list(ctx, s)
	if err != nil {
		return StepPlan{}, err
	}
	return planStep(s, i, seed, all, nil)
}

func planStep(s Step, i int, seed uint64, all []Container, held map[string][]Family) (StepPlan, error) {
	p := StepPlan{Scene: Scene{All: all, Seed: seed + uint64(i)<<32}}
	if !targetless(s.Fault) {
		on := s.On
		on.Exclude = slices.Concat(on.Exclude, busy(all, held, FamilyOf(s.Fault)))
		var err error
		if p.On, err = on.Resolve(all, rand.New(rand.NewPCG(seed, uint64(i)))); err != nil {
			return p, err
		}
		if err := s.Guard.allow(all, p.On, held); err != nil {
			return p, err
		}
	}
	var err error
	p.Actions, err = s.Fault.Plan(p.Scene, p.On)
	return p, err
}

// busy are the containers on which a fault of that family can't be added.
func busy(all []Container, held map[string][]Family, f Family) []string {
	var out []string
	for _, c := range all {
		if slices.ContainsFunc(held[c.Name], func(other Family) bool { return !Compose(f, other) }) {
			out = append(out, c.Name)
		}
	}
	return out
}

// describe notes who is hit and how.
func (w *Window) describe(on []Container, actions []Action) {
	for _, c := range on {
		w.On = append(w.On, c.Name)
		w.Roles = append(w.Roles, c.Roles...)
	}
	for _, a := range actions {
		w.Actions = append(w.Actions, a.String())
		if !slices.Contains(w.On, a.Target.Name) {
			w.On = append(w.On, a.Target.Name)
		}
	}
	slices.Sort(w.Roles)
	w.Roles = slices.Compact(w.Roles)
}

func (e *engine) release(in injection) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, c := range in.on {
		held := e.held[c.Name]
		if i := slices.Index(held, FamilyOf(in.step.Fault)); i >= 0 {
			e.held[c.Name] = slices.Delete(held, i, i+1)
		}
	}
}
