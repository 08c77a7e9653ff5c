package chaostest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"gauntlet/chaos"
)

// Bed is a runtime with two equal containers of one service that answer clients, under a policy that restarts them after a
// crash. Each call of a bed's maker gives a fresh one and cleans it up with t.Cleanup.
type Bed struct {
	Runtime chaos.Runtime
	Service string
	// Answer asks a container (by name) as a client would. It returns which life of the container answered, so that a
	// restart shows, or an error if nothing answered within about a second.
	Answer func(ctx context.Context, name string) (life string, err error)
	// Remove removes a container from outside of the runtime.
	Remove func(ctx context.Context, name string) error
	// Exit ends a container for good from outside of the runtime.
	Exit func(ctx context.Context, name string) error
}

const (
	patience = 30 * time.Second       // for anything that must come true, also on a loaded machine
	hold     = 700 * time.Millisecond // length of a step
)

// Conformance checks each kind of fault on a runtime: the effect is felt by a client and proven, the undo is too, twice; a
// target that is removed meanwhile counts as healed; a cancelled run heals; a target in the wrong state is refused; the undo
// log alone is enough to heal.
func Conformance(t *testing.T, newBed func(t *testing.T) Bed) {
	for _, kind := range chaos.Kinds() {
		if kind.Group != "life" || !covered[kind.Name] {
			continue // felt in other ways: see the suites of agents
		}
		t.Run(kind.Name, func(t *testing.T) {
			s := suite{Bed: newBed(t), kind: kind.Name}
			t.Run("effect is felt and proven, undo too and twice", s.effectAndUndo)
			t.Run("a step begins, holds and heals", s.step)
			t.Run("cancel in mid-step heals", s.cancel)
			t.Run("undo log alone heals, twice", s.healFromLog)
			if kind.Name != "remove" {
				t.Run("target removed meanwhile is healed", s.removed)
			}
			t.Run("target in the wrong state is refused", s.wrongState)
			t.Run("unknown container is gone", s.unknown)
		})
	}
	t.Run("paused without a log is resumed", func(t *testing.T) { suite{Bed: newBed(t), kind: "pause"}.stray(t) })
}

// covered are the kinds that this suite knows how to feel.
var covered = map[string]bool{"kill": true, "crash": true, "pause": true, "stop": true, "restart": true, "remove": true, "signal": true}

// suite is the conformance suite for one kind on one bed.
type suite struct {
	Bed
	kind string
}

func (s suite) fault(t *testing.T) chaos.Fault {
	t.Helper()
	f, err := chaos.New(s.kind)
	if err != nil {
		t.Fatal(err)
	}
	switch f := f.(type) {
	case *chaos.Stop:
		f.Timeout = time.Second
	case *chaos.Restart:
		f.Timeout = time.Second
	case *chaos.Signal:
		f.Signal = "SIGKILL"
	}
	return f
}

// plan says what the fault does to the targets.
func (s suite) plan(t *testing.T, on []chaos.Container) []chaos.Action {
	t.Helper()
	if snap, ok := chaos.Power[chaos.Snapshotter](s.Runtime); ok && s.kind == "remove" {
		for i := range on {
			var err error
			if on[i].Snapshot, err = snap.Snapshot(t.Context(), on[i].ID); err != nil {
				t.Fatal(err)
			}
		}
	}
	actions, err := s.fault(t).Plan(chaos.Scene{All: on, Seed: 1}, on)
	if err != nil {
		t.Fatal(err)
	}
	return actions
}

// inject carries the fault out.
func (s suite) inject(ctx context.Context, actions []chaos.Action) (chaos.Effect, error) {
	return chaos.CarryOut(ctx, s.Runtime, "conformance", actions, false)
}

// context ends before the test's own patience does.
func testContext(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 4*patience)
	t.Cleanup(cancel)
	return ctx
}

// targets returns the two containers, sorted by name.
func (s suite) targets(t *testing.T) []chaos.Container {
	t.Helper()
	all, err := s.Runtime.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(all, func(a, b chaos.Container) int { return a.Index - b.Index })
	return all
}

func (s suite) effectAndUndo(t *testing.T) {
	ctx, on := testContext(t), s.targets(t)
	if len(on) != 2 {
		t.Fatalf("bed has %d containers, want 2", len(on))
	}
	before := s.lives(t, on)
	asked := time.Now()
	actions := s.plan(t, on)
	eff, err := s.inject(ctx, actions)
	if err != nil {
		t.Fatal(err)
	}
	if eff.Proof == "" || eff.Began.Add(eff.Uncertainty).Before(asked) || eff.Began.Add(-eff.Uncertainty).After(time.Now()) {
		t.Errorf("effect = %+v, want a proof and a beginning between the asking and the return", eff)
	}
	for _, c := range on {
		s.mustBeDisturbed(t, c, before[c.Name])
	}
	for range 2 {
		if err := chaos.Undo(ctx, s.Runtime, "conformance", actions); err != nil {
			t.Fatalf("heal: %v", err)
		}
		s.mustRun(t)
	}
	s.lives(t, on)
}

// lives waits until each container answers, and returns which life did.
func (s suite) lives(t *testing.T, on []chaos.Container) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, c := range on {
		eventually(t, c.Name+" answers", func() error {
			life, err := s.Answer(t.Context(), c.Name)
			out[c.Name] = life
			return err
		})
	}
	return out
}

// mustBeDisturbed checks that a client feels it: nothing answers, or another life of the container does.
func (s suite) mustBeDisturbed(t *testing.T, c chaos.Container, before string) {
	t.Helper()
	if life, err := s.Answer(t.Context(), c.Name); err == nil && life == before {
		t.Errorf("%s still answers from its %s although %s was injected", c.Name, life, s.kind)
	}
}

// mustRun checks that all containers run now, by the runtime's own list.
func (s suite) mustRun(t *testing.T) {
	t.Helper()
	for _, c := range s.targets(t) {
		if c.State != chaos.Running || c.PID == 0 {
			t.Errorf("%s is %s with PID %d, want running", c.Name, c.State, c.PID)
		}
	}
}

// one is a schedule of one step on the first container.
func (s suite) one(t *testing.T, length time.Duration) []chaos.Step {
	return []chaos.Step{{For: length, On: chaos.Selector{Container: s.targets(t)[0].Name}, Fault: s.fault(t)}}
}

func (s suite) step(t *testing.T) {
	var seen windows
	if err := chaos.Run(testContext(t), s.Runtime, 1, time.Now(), s.one(t, hold), chaos.Options{Emit: seen.add}); err != nil {
		t.Fatal(err)
	}
	if len(seen.all) != 2 {
		t.Fatalf("%d windows, want one when it began and one when it healed: %+v", len(seen.all), seen.all)
	}
	w := seen.all[1]
	if w.Err != "" || w.Proof == "" || w.Began.Before(w.Asked.Add(-w.Uncertainty)) || !w.Healed.After(w.Began) || w.Healed.Before(w.HealAsked) {
		t.Errorf("window = %+v, want asked, began, heal asked, healed in this order and no error", w)
	}
	s.mustRun(t)
}

func (s suite) cancel(t *testing.T) {
	ctx, cancel := context.WithCancel(testContext(t))
	defer cancel()
	var seen windows
	err := chaos.Run(ctx, s.Runtime, 1, time.Now(), s.one(t, time.Hour), chaos.Options{Emit: func(w chaos.Window) { seen.add(w); cancel() }})
	if !errors.Is(err, context.Canceled) || errors.Is(err, chaos.ErrStillDisturbed) {
		t.Errorf("Run = %v, want only %v", err, context.Canceled)
	}
	if w := seen.all[len(seen.all)-1]; w.Healed.IsZero() {
		t.Errorf("last window = %+v, want it healed", w)
	}
	s.mustRun(t)
}

func (s suite) healFromLog(t *testing.T) {
	ctx, on := testContext(t), s.targets(t)
	j, err := chaos.OpenJournal(t.TempDir(), "conformance")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = j.Close() }()
	actions := s.plan(t, on)
	if _, err := j.Begin(s.fault(t), actions); err != nil {
		t.Fatal(err)
	}
	if _, err := s.inject(ctx, actions); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		report, err := chaos.HealAll(ctx, s.Runtime, j)
		if err != nil || len(report.Failed) > 0 {
			t.Fatalf("HealAll = %v, %v", report, err)
		}
		s.mustRun(t)
	}
	if open, _, err := j.Open(); err != nil || len(open) > 0 {
		t.Errorf("open entries = %v, %v; want none", open, err)
	}
	s.lives(t, on)
}

func (s suite) removed(t *testing.T) {
	ctx, on := testContext(t), s.targets(t)
	j, err := chaos.OpenJournal(t.TempDir(), "conformance")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = j.Close() }()
	actions := s.plan(t, on)
	if _, err := j.Begin(s.fault(t), actions); err != nil {
		t.Fatal(err)
	}
	if _, err := s.inject(ctx, actions); err != nil {
		t.Fatal(err)
	}
	if err := s.Remove(ctx, on[1].Name); err != nil {
		t.Fatal(err)
	}
	if err := chaos.Undo(ctx, s.Runtime, "conformance", actions); err != nil {
		t.Errorf("heal of a removed target = %v, want nil", err)
	}
	report, err := chaos.HealAll(ctx, s.Runtime, j)
	if err != nil || !slices.Equal(report.Gone, []string{on[1].Name}) {
		t.Errorf("HealAll = %v, %v; want %s gone", report, err, on[1].Name)
	}
	s.mustRun(t)
}

// wrongState runs after removed: one container is left.
func (s suite) wrongState(t *testing.T) {
	ctx, on := testContext(t), s.targets(t)
	on = on[:1]
	if err := s.Exit(ctx, on[0].Name); err != nil {
		t.Fatal(err)
	}
	if s.kind == "remove" {
		return // a container that is down can be removed as well
	}
	_, err := s.inject(ctx, s.plan(t, on))
	if !errors.Is(err, chaos.ErrWrongState) || errors.Is(err, chaos.ErrStillDisturbed) {
		t.Errorf("Inject on an exited container = %v, want %v", err, chaos.ErrWrongState)
	}
	if now := s.targets(t)[0]; now.State != chaos.Exited {
		t.Errorf("%s is %s, want it left as it was: exited", now.Name, now.State)
	}
	err = chaos.Run(ctx, s.Runtime, 1, time.Now(), s.one(t, hold), chaos.Options{})
	if !errors.Is(err, chaos.ErrNoTarget) {
		t.Errorf("Run on an exited container = %v, want %v", err, chaos.ErrNoTarget)
	}
}

func (s suite) unknown(t *testing.T) {
	nobody := []chaos.Container{{ID: "0000000000000000000000000000000000000000000000000000000000000000", Name: "nobody"}}
	actions, err := s.fault(t).Plan(chaos.Scene{All: nobody}, nobody)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.inject(testContext(t), actions); !errors.Is(err, chaos.ErrGone) {
		t.Errorf("injecting on an unknown container = %v, want %v", err, chaos.ErrGone)
	}
}

func (s suite) stray(t *testing.T) {
	ctx, on := testContext(t), s.targets(t)
	if _, err := s.Runtime.Do(ctx, chaos.Target{ID: on[0].ID, Name: on[0].Name}, "", chaos.Op{Verb: chaos.VerbPause}); err != nil {
		t.Fatal(err)
	}
	report, err := chaos.HealAll(ctx, s.Runtime)
	if err != nil || !slices.Equal(report.Undone, []string{on[0].Name}) {
		t.Errorf("HealAll = %v, %v; want %s healed", report, err, on[0].Name)
	}
	s.mustRun(t)
	if report, err = chaos.HealAll(ctx, s.Runtime); err != nil || report.String() != "nothing to heal" {
		t.Errorf("second HealAll = %v, %v; want nothing to heal", report, err)
	}
}

// windows collects what Run emits.
type windows struct {
	mu  sync.Mutex
	all []chaos.Window
}

func (w *windows) add(one chaos.Window) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.all = append(w.all, one)
}

// eventually waits until check passes.
func eventually(t *testing.T, what string, check func() error) {
	t.Helper()
	err := fmt.Errorf("never tried")
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if err = check(); err == nil {
			return
		}
	}
	t.Fatalf("%s: not within %s: %v", what, patience, err)
}
