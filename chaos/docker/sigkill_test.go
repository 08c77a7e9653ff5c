package docker_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"gauntlet/chaos"
	"gauntlet/chaos/docker"
	"gauntlet/chaos/janitor"
)

// childEnv makes this test executable a Gauntlet that disturbs a project until it is killed. Its value is the folder of the
// undo log; the project, the kind of fault ("agent" is a beacon, see testdata/member) and the image are in the others.
const (
	childEnv    = "GAUNTLET_CHAOSTEST_CHILD"
	childTarget = "GAUNTLET_CHAOSTEST_PROJECT"
	childKind   = "GAUNTLET_CHAOSTEST_KIND"
	childImage  = "GAUNTLET_CHAOSTEST_IMAGE"
	childGuard  = "GAUNTLET_CHAOSTEST_JANITOR" // a folder for its record; none: no janitor
)

// child runs one step of an hour and says so when it began.
func child(dir string) int {
	if err := disturbForever(dir, os.Getenv(childTarget), os.Getenv(childKind)); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	return 1 // it should never come to an end
}

func disturbForever(dir, project, kind string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	o := (&yard{image: os.Getenv(childImage)}).withAgents()
	o.Project = project
	rt, err := docker.New(ctx, o)
	if err != nil {
		return err
	}
	if kind == "agent" {
		return beaconForever(ctx, rt)
	}
	j, err := chaos.OpenJournal(dir, project)
	if err != nil {
		return err
	}
	if folder := os.Getenv(childGuard); folder != "" {
		g, err := janitor.Start(ctx, rt, janitor.Options{Command: []string{"/member", "janitor"}, Folder: folder, Say: func(s string) { fmt.Fprintln(os.Stderr, s) }})
		if err != nil {
			return err
		}
		j.Also(g.Record)
	}
	fault, err := chaos.New(kind)
	if err != nil {
		return err
	}
	steps := []chaos.Step{{For: time.Hour, On: chaos.Selector{Service: "echo", Pick: "all"}, Fault: fault}}
	return chaos.Run(ctx, rt, 1, time.Now(), steps, chaos.Options{Journal: j, Emit: func(w chaos.Window) { fmt.Println("began", w.Err) }})
}

func beaconForever(ctx context.Context, rt *docker.Runtime) error {
	all, err := rt.List(ctx)
	if err != nil {
		return err
	}
	for _, c := range all {
		if _, err := rt.Do(ctx, chaos.Target{ID: c.ID, Name: c.Name}, "one", beacon(9001)); err != nil {
			return err
		}
	}
	fmt.Println("began")
	<-ctx.Done()
	return ctx.Err()
}

// TestGauntletOfAgentsIsKilled holds that nothing is left of what agents did: they see the end of their line, and go.
func TestGauntletOfAgentsIsKilled(t *testing.T) {
	t.Parallel()
	y := newYard(t)
	y.start(t, "echo-1", "echo", "1", nil)
	y.start(t, "echo-2", "echo", "2", nil)
	cmd, out := runChild(t, y, t.TempDir(), "agent")
	mustBegin(t, out)
	y.mustShow(t, "echo-1", 9001, true)
	y.mustShow(t, "echo-2", 9001, true)
	killed := time.Now()
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // killed: an error is what must come
	y.mustShow(t, "echo-1", 9001, false)
	y.mustShow(t, "echo-2", 9001, false)
	t.Logf("undone %s after the kill", time.Since(killed))
	waitFor(t, "no agent is left", func() bool { return len(y.agents(t)) == 0 })
	t.Logf("agents gone %s after the kill", time.Since(killed))
}

// TestGauntletIsKilled kills a Gauntlet in mid-step with SIGKILL and heals from what it left on disk.
func TestGauntletIsKilled(t *testing.T) {
	t.Parallel()
	for kind, state := range map[string]chaos.State{"pause": chaos.Paused, "kill": chaos.Exited, "stop": chaos.Exited} {
		t.Run(kind, func(t *testing.T) {
			y := newYard(t)
			y.start(t, "echo-1", "echo", "1", nil)
			y.start(t, "echo-2", "echo", "2", nil)
			dir := t.TempDir()
			killInMidStep(t, y, dir, kind)
			rt := y.runtime(t, docker.Options{})
			mustBe(t, rt, state)
			healTwice(t, rt, dir, []string{"echo-1", "echo-2"})
			y.mustAnswer(t, "echo-1")
			y.mustAnswer(t, "echo-2")
		})
	}
}

// TestGauntletIsKilledWhileInjecting kills it around the moment at which the engine acts: after the undo log was written.
func TestGauntletIsKilledWhileInjecting(t *testing.T) {
	t.Parallel()
	y := newYard(t)
	y.start(t, "echo-1", "echo", "1", nil)
	y.start(t, "echo-2", "echo", "2", nil)
	rt := y.runtime(t, docker.Options{})
	for _, after := range []time.Duration{0, 5, 10, 20, 100} {
		dir := t.TempDir()
		cmd := startChild(t, y, dir, "kill")
		log := filepath.Join(dir, y.project+".jsonl")
		waitFor(t, "entry in the undo log", func() bool { info, err := os.Stat(log); return err == nil && info.Size() > 0 })
		time.Sleep(after * time.Millisecond)
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait() // killed: an error is what must come
		j, err := chaos.OpenJournal(dir, y.project)
		if err != nil {
			t.Fatal(err)
		}
		report, err := chaos.HealAll(t.Context(), rt, j)
		t.Logf("killed %d ms after the entry: %s", after, report)
		if err := errors.Join(err, j.Close()); err != nil {
			t.Errorf("HealAll = %q, %v", report, err)
		}
		time.Sleep(time.Second) // longer than any injection takes: nothing may come afterwards
		mustBe(t, rt, chaos.Running)
	}
}

// startChild starts a Gauntlet on the project.
func startChild(t *testing.T, y *yard, dir, kind string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+dir, childTarget+"="+y.project, childKind+"="+kind)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd
}

// killInMidStep starts a child, waits for its fault, checks that its log is locked, and kills it.
func killInMidStep(t *testing.T, y *yard, dir, kind string) {
	t.Helper()
	cmd, out := runChild(t, y, dir, kind)
	mustBegin(t, out)
	if _, err := chaos.OpenJournal(dir, y.project); !errors.Is(err, chaos.ErrBusy) {
		t.Errorf("second OpenJournal beside a live one = %v, want %v", err, chaos.ErrBusy)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // killed: an error is what must come
}

// runChild starts a Gauntlet on the project, with more in its environment, and returns what it says.
func runChild(t *testing.T, y *yard, dir, kind string, more ...string) (*exec.Cmd, io.Reader) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+dir, childTarget+"="+y.project, childKind+"="+kind, childImage+"="+y.image)
	cmd.Env = append(cmd.Env, more...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, out
}

func mustBegin(t *testing.T, out io.Reader) {
	t.Helper()
	line, err := bufio.NewReader(out).ReadString('\n')
	if strings.TrimSpace(line) != "began" || err != nil {
		t.Errorf("child said %q, %v; want began", line, err)
	}
}

func mustBe(t *testing.T, rt chaos.Runtime, want chaos.State) {
	t.Helper()
	all, err := rt.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range all {
		if c.State != want {
			t.Errorf("%s is %s, want %s", c.Name, c.State, want)
		}
	}
}

// healTwice opens the log as another process would.
func healTwice(t *testing.T, rt chaos.Runtime, dir string, want []string) {
	t.Helper()
	for _, want := range [][]string{want, nil} {
		j, err := chaos.OpenJournal(dir, projectIn(t, dir))
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		report, err := chaos.HealAll(t.Context(), rt, j)
		t.Logf("HealAll took %s: %s", time.Since(began).Round(time.Millisecond), report)
		if err != nil || !slices.Equal(report.Undone, want) {
			t.Errorf("HealAll = %v, %v; want %v healed", report, err, want)
		}
		if err := j.Close(); err != nil {
			t.Error(err)
		}
		mustBe(t, rt, chaos.Running)
	}
}

func projectIn(t *testing.T, dir string) string {
	t.Helper()
	projects, err := chaos.JournalProjects(dir)
	if err != nil || len(projects) != 1 {
		t.Fatalf("projects with an undo log = %v, %v; want one", projects, err)
	}
	return projects[0]
}
