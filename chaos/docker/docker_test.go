package docker_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"gauntlet/chaos"
	"gauntlet/chaos/chaostest"
	"gauntlet/chaos/docker"
)

func TestDockerConforms(t *testing.T) {
	t.Parallel()
	needDocker(t)
	chaostest.Conformance(t, func(t *testing.T) chaostest.Bed { return newBed(t, docker.Options{}) })
}

// TestCrashThroughHelper is the way of a Gauntlet that is not root.
func TestCrashThroughHelper(t *testing.T) {
	t.Parallel()
	y := newYard(t)
	y.start(t, "echo", "echo", "1", nil)
	rt := y.runtime(t, docker.Options{Helper: true, Image: y.image, HelperCommand: []string{"/member", "hostkill"}})
	before, err := y.answer(t.Context(), "echo")
	if err != nil {
		t.Fatal(err)
	}
	asked := time.Now()
	eff, err := y.do(t, rt, "echo", chaos.Op{Verb: chaos.VerbCrash})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("began %s after asking, ± %s, returned after %s: %s", eff.Began.Sub(asked), eff.Uncertainty, time.Since(asked), eff.Proof)
	y.mustAnswer(t, "echo")
	after, err := y.answer(t.Context(), "echo")
	if err != nil || after == before {
		t.Errorf("life after the crash = %q, %v; want another one than %q, by the restart policy", after, err, before)
	}
}

func TestCrashWithoutRightsIsRefused(t *testing.T) {
	t.Parallel()
	y := newYard(t)
	y.start(t, "echo", "echo", "1", nil)
	rt := y.runtime(t, docker.Options{Helper: true})
	if _, err := y.do(t, rt, "echo", chaos.Op{Verb: chaos.VerbCrash}); !errors.Is(err, chaos.ErrUnsupported) {
		t.Errorf("Crash = %v, want %v", err, chaos.ErrUnsupported)
	}
	if _, err := y.answer(t.Context(), "echo"); err != nil {
		t.Errorf("the target was touched: %v", err)
	}
}

func TestOnlyTheProjectIsTouched(t *testing.T) {
	t.Parallel()
	y, other := newYard(t), newYard(t)
	y.start(t, "web", "web", "1", map[string]string{"gauntlet.tier": "web", "gauntlet.region": "a"})
	y.start(t, "db-1", "db", "1", map[string]string{"gauntlet.tier": "db"})
	y.start(t, "db-3", "db", "3", map[string]string{"gauntlet.tier": "db"})
	y.start(t, "agent", "web", "2", map[string]string{"gauntlet.internal": "agent"})
	y.start(t, "once", "web", "4", map[string]string{"com.docker.compose.oneoff": "True"})
	other.start(t, "db", "db", "1", nil)
	rt := y.runtime(t, y.withAgents())
	all, err := rt.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got, want := names(all), []string{"db-1", "db-3", "web"}; !slices.Equal(got, want) {
		t.Errorf("List = %v, want %v", got, want)
	}
	if web := all[2]; web.Tier != "web" || web.Region != "a" || web.Service != "web" || web.State != chaos.Running || web.PID == 0 {
		t.Errorf("web = %+v, want its tier, region, service, state and PID", web)
	}
	for name, id := range map[string]string{"agent": y.ids["agent"], "once": y.ids["once"], "other project": other.ids["db"]} {
		for _, op := range everyOp() {
			if _, err := rt.Do(t.Context(), chaos.Target{ID: id, Name: name}, "x", op); !errors.Is(err, chaos.ErrRefused) {
				t.Errorf("%s on %s = %v, want %v", op.Verb, name, err, chaos.ErrRefused)
			}
		}
		if _, err := rt.Snapshot(t.Context(), id); !errors.Is(err, chaos.ErrRefused) {
			t.Errorf("Snapshot of %s = %v, want %v", name, err, chaos.ErrRefused)
		}
	}
	other.mustAnswer(t, "db")
}

// TestEvents checks that what faults do is reported and explained, and what they don't is not.
func TestEvents(t *testing.T) {
	t.Parallel()
	y := newYard(t)
	y.start(t, "a", "a", "1", nil)
	y.start(t, "b", "b", "1", nil)
	rt := y.runtime(t, docker.Options{})
	var mu sync.Mutex
	var got []chaos.Event
	var window chaos.Window
	listening, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	begun := make(chan struct{})
	wg.Go(func() {
		close(begun)
		if err := rt.Events(listening, func(e chaos.Event) { mu.Lock(); defer mu.Unlock(); got = append(got, e) }); err != nil {
			t.Errorf("Events = %v", err)
		}
	})
	<-begun
	time.Sleep(300 * time.Millisecond) // events count from the call, not from the subscription
	steps := []chaos.Step{{For: 500 * time.Millisecond, On: chaos.Selector{Service: "a"}, Fault: &chaos.Pause{}}}
	if err := chaos.Run(t.Context(), rt, 1, time.Now(), steps, chaos.Options{Emit: func(w chaos.Window) { window = w }}); err != nil {
		t.Fatal(err)
	}
	if err := y.cli.ContainerKill(t.Context(), y.ids["b"], "SIGKILL"); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "three events", func() bool { mu.Lock(); defer mu.Unlock(); return len(got) >= 3 })
	stop()
	wg.Wait()
	type line struct {
		container, action string
		explained         bool
		code              int
	}
	var lines []line
	for _, e := range got {
		lines = append(lines, line{e.Container, e.Action, window.Explains(e, 500*time.Millisecond), e.ExitCode})
	}
	want := []line{{"a", "pause", true, 0}, {"a", "unpause", true, 0}, {"b", "die", false, 137}}
	if !slices.Equal(lines, want) {
		t.Errorf("events = %v, want %v", lines, want)
	}
	if d := got[0].At.Sub(window.Began); d.Abs() > 5*time.Second {
		t.Errorf("pause was reported %s after it began: the engine's clock is not converted", d)
	}
	t.Logf("engine's event %s after the cgroup was frozen; clock %+v", got[0].At.Sub(window.Began), rt.Clock())
}

func waitFor(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if is() {
			return
		}
	}
	t.Fatalf("%s: not within 30 s", what)
}

// TestBeganBeforeReturn shows why the API's return is not the time of the effect, watched and not watched; -v prints both.
func TestBeganBeforeReturn(t *testing.T) {
	y := newYard(t)
	y.start(t, "echo", "echo", "1", nil)
	for _, remote := range []bool{false, true} {
		rt := y.runtime(t, docker.Options{Remote: remote})
		for _, verb := range []chaos.Verb{chaos.VerbKill, chaos.VerbPause} {
			for range 3 {
				y.timeOnce(t, rt, verb, remote)
			}
		}
	}
}

// timeOnce disturbs and restores, and checks that the interval of the effect lies within the call.
func (y *yard) timeOnce(t *testing.T, rt *docker.Runtime, verb chaos.Verb, remote bool) {
	t.Helper()
	asked := time.Now()
	eff, err := y.do(t, rt, "echo", chaos.Op{Verb: verb})
	took := time.Since(asked)
	if err != nil {
		t.Fatal(err)
	}
	began := eff.Began.Sub(asked)
	t.Logf("%s (remote %v): began %s after asking ± %s, returned after %s: %s", verb, remote, began, eff.Uncertainty, took, eff.Proof)
	if began-eff.Uncertainty < 0 || began+eff.Uncertainty > took || eff.Proof == "" {
		t.Errorf("%s: began at %s ± %s of a call that took %s, want it within", verb, began, eff.Uncertainty, took)
	}
	up := time.Now()
	if _, err := y.do(t, rt, "echo", chaos.Op{Verb: chaos.VerbStart}); err != nil {
		t.Fatal(err)
	}
	t.Logf("running again after %s", time.Since(up))
}

// everyOp has one operation of each verb.
func everyOp() []chaos.Op {
	port := chaos.Op{Verb: chaos.VerbNet, Net: &chaos.NetRule{Ports: []uint16{9999}}}
	return []chaos.Op{
		{Verb: chaos.VerbStart}, {Verb: chaos.VerbPause}, {Verb: chaos.VerbKill}, {Verb: chaos.VerbCrash}, {Verb: chaos.VerbStop, Timeout: time.Second},
		{Verb: chaos.VerbRestart, Timeout: time.Second}, {Verb: chaos.VerbRemove}, {Verb: chaos.VerbSignal, Signal: "SIGHUP"}, {Verb: chaos.VerbQuota, CPUs: 1},
		port, {Verb: chaos.VerbResource, Resource: &chaos.ResourceLoad{CPUs: 1}}, {Verb: chaos.VerbRevoke, Of: &port},
	}
}
