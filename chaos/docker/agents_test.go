package docker_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"

	"gauntlet/chaos"
	"gauntlet/chaos/docker"
)

// beacon is an operation whose effect is that a port is open in the target: see testdata/member.
func beacon(port uint16) chaos.Op {
	return chaos.Op{Verb: chaos.VerbNet, Net: &chaos.NetRule{Ports: []uint16{port}}}
}

// litter leaves a file behind that outlives its agent.
var litter = chaos.Op{Verb: chaos.VerbResource, Resource: &chaos.ResourceLoad{DiskPath: "/"}}

func revoke(op chaos.Op) chaos.Op { return chaos.Op{Verb: chaos.VerbRevoke, Of: &op} }

func (y *yard) target(name string) chaos.Target { return chaos.Target{ID: y.ids[name], Name: name} }

// mustShow waits until the port in the target is open, or closed.
func (y *yard) mustShow(t *testing.T, name string, port uint16, open bool) {
	t.Helper()
	waitFor(t, fmt.Sprintf("port %d in %s open: %v", port, name, open), func() bool {
		got, err := y.ask(t.Context(), name, fmt.Sprint("/dial/", port))
		return err == nil && got == fmt.Sprint(open)
	})
}

// agents are the ids of the project's agents.
func (y *yard) agents(t *testing.T) []string {
	t.Helper()
	all, err := y.cli.ContainerList(context.WithoutCancel(t.Context()), container.ListOptions{All: true, Filters: filters.NewArgs(
		filters.Arg("label", "gauntlet.internal=agent"), filters.Arg("label", "gauntlet.project="+y.project))})
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, c := range all {
		ids = append(ids, c.ID)
	}
	return ids
}

// apply applies a beacon and waits for it.
func (y *yard) apply(t *testing.T, rt *docker.Runtime, name, id string, port uint16) {
	t.Helper()
	asked := time.Now()
	eff, err := rt.Do(t.Context(), y.target(name), id, beacon(port))
	if err != nil {
		t.Fatal(err)
	}
	if eff.Proof != fmt.Sprintf("port %d is open", port) || eff.Began.Add(eff.Uncertainty).Before(asked) || eff.Began.Add(-eff.Uncertainty).After(time.Now()) {
		t.Errorf("effect = %+v, want the agent's proof and a beginning between asking and now", eff)
	}
	t.Logf("%s began %s after asking ± %s", id, eff.Began.Sub(asked), eff.Uncertainty)
	y.mustShow(t, name, port, true)
}

func TestAgents(t *testing.T) {
	t.Parallel()
	y := newYard(t)
	y.start(t, "a", "a", "1", nil)
	rt := y.runtime(t, y.withAgents())
	all, err := rt.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if err := rt.Arm(t.Context(), all, []chaos.Verb{chaos.VerbNet, chaos.VerbHTTP, chaos.VerbKill}); err != nil {
		t.Fatal(err)
	}
	t.Logf("armed in %s", time.Since(began))
	if got := y.agents(t); len(got) != 1 {
		t.Fatalf("agents = %v, want one", got)
	}
	t.Run("apply, check, revoke", func(t *testing.T) { applyCheckRevoke(t, y, rt) })
	t.Run("agent is killed", func(t *testing.T) { agentKilled(t, y, rt) })
	t.Run("worker panics", func(t *testing.T) { workerPanics(t, y, rt) })
	t.Run("target is restarted", func(t *testing.T) { targetRestarted(t, y, rt) })
	t.Run("another process sweeps", func(t *testing.T) { sweptByAnother(t, y, rt) })
	t.Run("what outlives an agent is cleared by another", func(t *testing.T) { residueCleared(t, y, rt) })
	t.Run("target is removed", func(t *testing.T) { targetRemoved(t, y, rt) })
	if err := rt.Close(); err != nil {
		t.Errorf("Close = %v", err)
	}
	if left := y.agents(t); len(left) > 0 {
		t.Errorf("agents after Close = %v, want none", left)
	}
}

func applyCheckRevoke(t *testing.T, y *yard, rt *docker.Runtime) {
	y.mustShow(t, "a", 9001, false)
	y.apply(t, rt, "a", "one", 9001)
	y.apply(t, rt, "a", "two", 9002)
	if err := rt.Check(t.Context(), y.target("a"), "one", beacon(9001)); err != nil {
		t.Errorf("Check = %v", err)
	}
	for range 2 {
		if eff, err := rt.Do(t.Context(), y.target("a"), "one", revoke(beacon(9001))); err != nil || eff.Proof == "" {
			t.Errorf("revoke = %+v, %v; want a proof", eff, err)
		}
		y.mustShow(t, "a", 9001, false)
	}
	if err := rt.Check(t.Context(), y.target("a"), "one", beacon(9001)); !errors.Is(err, chaos.ErrEndedEarly) {
		t.Errorf("Check of what was revoked = %v, want %v", err, chaos.ErrEndedEarly)
	}
	y.mustShow(t, "a", 9002, true) // rules compose: the other one stays
	if _, err := rt.Do(t.Context(), y.target("a"), "two", revoke(beacon(9002))); err != nil {
		t.Error(err)
	}
	if got := y.agents(t); len(got) != 1 {
		t.Errorf("agents = %v, want the one that was armed", got)
	}
}

func agentKilled(t *testing.T, y *yard, rt *docker.Runtime) {
	y.apply(t, rt, "a", "one", 9001)
	for _, id := range y.agents(t) {
		if err := y.cli.ContainerKill(t.Context(), id, "SIGKILL"); err != nil {
			t.Fatal(err)
		}
	}
	y.mustShow(t, "a", 9001, false)
	waitFor(t, "Check notices", func() bool {
		return errors.Is(rt.Check(t.Context(), y.target("a"), "one", beacon(9001)), chaos.ErrEndedEarly)
	})
	y.apply(t, rt, "a", "one", 9001) // with a new agent
	for _, id := range y.agents(t) {
		if err := y.cli.ContainerKill(t.Context(), id, "SIGKILL"); err != nil {
			t.Fatal(err)
		}
	}
	eff, err := rt.Do(t.Context(), y.target("a"), "one", revoke(beacon(9001)))
	if err != nil || !strings.Contains(eff.Proof, "kernel") {
		t.Errorf("revoke with a dead agent = %+v, %v; want the kernel's doing as a proof", eff, err)
	}
	y.mustShow(t, "a", 9001, false)
}

func workerPanics(t *testing.T, y *yard, rt *docker.Runtime) {
	y.apply(t, rt, "a", "one", 9001)
	_, err := rt.Do(t.Context(), y.target("a"), "bad", chaos.Op{Verb: chaos.VerbNet, Net: &chaos.NetRule{}})
	if err == nil || !strings.Contains(err.Error(), "a rule without ports") {
		t.Errorf("Do with a worker that panics = %v, want its last words", err)
	}
	y.mustShow(t, "a", 9001, false) // all of that agent's work is undone
}

func targetRestarted(t *testing.T, y *yard, rt *docker.Runtime) {
	y.apply(t, rt, "a", "one", 9001)
	y.apply(t, rt, "a", "two", 9002)
	if _, err := y.do(t, rt, "a", chaos.Op{Verb: chaos.VerbRestart, Timeout: time.Second}); err != nil {
		t.Fatal(err)
	}
	y.mustAnswer(t, "a")
	y.mustShow(t, "a", 9001, false)
	if err := rt.Check(t.Context(), y.target("a"), "one", beacon(9001)); !errors.Is(err, chaos.ErrEndedEarly) {
		t.Errorf("Check after a restart = %v, want %v", err, chaos.ErrEndedEarly)
	}
	if eff, err := rt.Do(t.Context(), y.target("a"), "two", revoke(beacon(9002))); err != nil {
		t.Errorf("revoke of what was in the life before = %+v, %v", eff, err)
	}
	y.apply(t, rt, "a", "one", 9001)
	if got := y.agents(t); len(got) != 1 {
		t.Errorf("agents = %v, want one: that of the life before is gone", got)
	}
	if _, err := rt.Do(t.Context(), y.target("a"), "one", revoke(beacon(9001))); err != nil {
		t.Error(err)
	}
}

// sweptByAnother is gauntlet heal beside a run.
func sweptByAnother(t *testing.T, y *yard, rt *docker.Runtime) {
	y.apply(t, rt, "a", "one", 9001)
	other := y.runtime(t, docker.Options{})
	ended, err := other.Sweep(t.Context())
	if err != nil || !slices.Equal(ended, []string{"a"}) {
		t.Errorf("Sweep = %v, %v; want the agent in a ended", ended, err)
	}
	y.mustShow(t, "a", 9001, false)
	if left := y.agents(t); len(left) > 0 {
		t.Errorf("agents after Sweep = %v, want none", left)
	}
	if ended, err := other.Sweep(t.Context()); err != nil || len(ended) > 0 {
		t.Errorf("second Sweep = %v, %v; want nothing to do", ended, err)
	}
	if eff, err := other.Do(t.Context(), y.target("a"), "one", revoke(beacon(9001))); err != nil {
		t.Errorf("revoke by another = %+v, %v; want nil, and no agent needed", eff, err)
	}
	waitFor(t, "Check notices", func() bool {
		return errors.Is(rt.Check(t.Context(), y.target("a"), "one", beacon(9001)), chaos.ErrEndedEarly)
	})
}

func residueCleared(t *testing.T, y *yard, rt *docker.Runtime) {
	if _, err := rt.Do(t.Context(), y.target("a"), "mess", litter); err != nil {
		t.Fatal(err)
	}
	if got, err := y.ask(t.Context(), "a", "/litter-mess"); got != "litter" || err != nil {
		t.Fatalf("litter = %q, %v", got, err)
	}
	for _, id := range y.agents(t) {
		if err := y.cli.ContainerKill(t.Context(), id, "SIGKILL"); err != nil {
			t.Fatal(err)
		}
	}
	other := y.runtime(t, y.withAgents())
	for range 2 {
		if eff, err := other.Do(t.Context(), y.target("a"), "mess", revoke(litter)); err != nil {
			t.Errorf("revoke = %+v, %v", eff, err)
		}
		if got, err := y.ask(t.Context(), "a", "/litter-mess"); got == "litter" || err != nil {
			t.Errorf("litter after revoke = %q, %v; want none", got, err)
		}
	}
}

// targetRemoved runs last: it takes the target.
func targetRemoved(t *testing.T, y *yard, rt *docker.Runtime) {
	y.apply(t, rt, "a", "one", 9001)
	y.remove(y.ids["a"])
	if err := rt.Check(t.Context(), y.target("a"), "one", beacon(9001)); !errors.Is(err, chaos.ErrEndedEarly) || !errors.Is(err, chaos.ErrGone) {
		t.Errorf("Check of a removed target = %v, want %v and %v", err, chaos.ErrEndedEarly, chaos.ErrGone)
	}
	if _, err := rt.Do(t.Context(), y.target("a"), "one", revoke(beacon(9001))); !errors.Is(err, chaos.ErrGone) {
		t.Errorf("revoke on a removed target = %v, want %v", err, chaos.ErrGone)
	}
	if _, err := rt.Do(t.Context(), y.target("a"), "one", beacon(9001)); !errors.Is(err, chaos.ErrGone) {
		t.Errorf("Do on a removed target = %v, want %v", err, chaos.ErrGone)
	}
	if left := y.agents(t); len(left) > 0 {
		t.Errorf("agents of a removed target = %v, want none", left)
	}
}

func TestAgentsAreRefused(t *testing.T) {
	t.Parallel()
	y := newYard(t)
	y.start(t, "a", "a", "1", nil)
	y.startIn(t, "host", "host")
	y.startIn(t, "guest", "container:"+y.ids["a"])
	rt := y.runtime(t, y.withAgents())
	for _, name := range []string{"host", "guest"} {
		if _, err := rt.Do(t.Context(), y.target(name), "x", beacon(9001)); !errors.Is(err, chaos.ErrRefused) {
			t.Errorf("network fault on %s = %v, want %v", name, err, chaos.ErrRefused)
		}
		if err := rt.Arm(t.Context(), []chaos.Container{{ID: y.ids[name], Name: name}}, []chaos.Verb{chaos.VerbState, chaos.VerbNet}); !errors.Is(err, chaos.ErrRefused) {
			t.Errorf("Arm(%s) = %v, want %v", name, err, chaos.ErrRefused)
		}
	}
	if got := y.agents(t); len(got) > 0 {
		t.Errorf("agents = %v, want none", got)
	}
	bare := y.runtime(t, docker.Options{})
	if _, err := bare.Do(t.Context(), y.target("a"), "x", beacon(9001)); !errors.Is(err, chaos.ErrUnsupported) {
		t.Errorf("Do without an image for agents = %v, want %v", err, chaos.ErrUnsupported)
	}
	if _, err := y.do(t, rt, "a", chaos.Op{Verb: chaos.VerbKill}); err != nil {
		t.Fatal(err)
	}
	if _, err := rt.Do(t.Context(), y.target("a"), "x", beacon(9001)); !errors.Is(err, chaos.ErrWrongState) {
		t.Errorf("Do on a target that is down = %v, want %v", err, chaos.ErrWrongState)
	}
}

// startIn adds a container in the host's or another container's network, without ports.
func (y *yard) startIn(t *testing.T, name, mode string) {
	t.Helper()
	created, err := y.cli.ContainerCreate(t.Context(), &container.Config{Image: y.image, Cmd: []string{"sleep"}, Labels: map[string]string{
		testLabel: mark, "com.docker.compose.project": y.project, "com.docker.compose.service": name,
	}}, &container.HostConfig{NetworkMode: container.NetworkMode(mode)}, nil, nil, y.project+"_"+name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { y.remove(created.ID) })
	if err := y.cli.ContainerStart(t.Context(), created.ID, container.StartOptions{}); err != nil {
		t.Fatal(err)
	}
	y.ids[name] = created.ID
}
