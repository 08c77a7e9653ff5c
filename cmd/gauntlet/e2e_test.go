package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"gauntlet/cmd/exclusive"
	"gauntlet/compose"
	"gauntlet/experiments/score"
)

// needDocker fails the test where there is no Docker, unless GAUNTLET_DOCKER=off says that this is meant.
func needDocker(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("-short: not tested: " + t.Name() + " on real containers")
	}
	if os.Getenv("GAUNTLET_DOCKER") == "off" {
		t.Skip("GAUNTLET_DOCKER=off: not tested: " + t.Name() + " on real containers")
	}
	if out, err := exec.Command("docker", "version").CombinedOutput(); err != nil {
		t.Fatalf("this test needs Docker (GAUNTLET_DOCKER=off skips it): %v\n%s", err, out)
	}
	exclusive.Alone(t, 20*time.Minute)
	exclusive.Quiet(t, 10*time.Minute)
}

// executable builds gauntlet once for all tests.
var executable = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "gauntlet-e2e-")
	if err != nil {
		return "", err
	}
	exe := filepath.Join(dir, "gauntlet")
	cmd := exec.Command("go", "build", "-trimpath", "-o", exe, ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", errors.Join(err, errors.New(string(out)))
	}
	return exe, nil
})

// invocation is gauntlet as a user runs it, with its own folders for recordings and state.
type invocation struct {
	*exec.Cmd
	out    string // folder of the recordings
	stdout bytes.Buffer
	stderr bytes.Buffer
}

// gauntlet prepares a command that runs in the module's folder.
func gauntlet(t *testing.T, state string, args ...string) *invocation {
	t.Helper()
	exe, err := executable()
	if err != nil {
		t.Fatal(err)
	}
	return invoke(state, exe, args...)
}

// invoke prepares any command that runs gauntlet.
func invoke(state, exe string, args ...string) *invocation {
	inv := &invocation{Cmd: exec.Command(exe, args...), out: filepath.Join(state, "runs")}
	inv.Dir = root
	inv.Env = append(os.Environ(), "XDG_STATE_HOME="+state)
	inv.Stdout, inv.Stderr = &inv.stdout, &inv.stderr
	return inv
}

// run runs to the end and returns the exit code.
func (inv *invocation) run(t *testing.T) int {
	t.Helper()
	return inv.code(t, inv.Run())
}

func (inv *invocation) code(t *testing.T, err error) int {
	t.Helper()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("%v: %v", inv.Args, err)
	}
	said := fmt.Sprintf("%s: exit %d\n%s%s", strings.Join(inv.Args[1:], " "), inv.ProcessState.ExitCode(), inv.stderr.String(), inv.stdout.String())
	t.Cleanup(func() { t.Log(said) }) // after what the test found, which a long output would hide
	return inv.ProcessState.ExitCode()
}

// recorded returns the folder of the only recording and its card.
func (inv *invocation) recorded(t *testing.T) (string, score.Card) {
	t.Helper()
	dirs, err := filepath.Glob(filepath.Join(inv.out, "*", "*", "*"))
	if err != nil || len(dirs) != 1 {
		t.Fatalf("recordings in %s: %v (%v), want one", inv.out, dirs, err)
	}
	text, err := os.ReadFile(filepath.Join(dirs[0], cardJSON))
	if err != nil {
		t.Fatal(err)
	}
	var card score.Card
	if err := json.Unmarshal(text, &card); err != nil {
		t.Fatal(err)
	}
	return dirs[0], card
}

// await waits until the recording's events hold the text, and fails the test if they never do.
func (inv *invocation) await(t *testing.T, text string, limit time.Duration) {
	t.Helper()
	for deadline := time.Now().Add(limit); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		if inv.hasEvent(text) {
			return
		}
	}
	t.Fatalf("no event with %s within %s\n%s", text, limit, inv.stderr.String())
}

// hasEvent says whether the recording's events hold the text.
func (inv *invocation) hasEvent(text string) bool {
	files, _ := filepath.Glob(filepath.Join(inv.out, "*", "*", "*", "events.jsonl"))
	for _, f := range files {
		if events, err := os.ReadFile(f); err == nil && bytes.Contains(events, []byte(text)) {
			return true
		}
	}
	return false
}

// nothingLeft fails the test if a container, network or volume of a topology is still there, and removes it.
func nothingLeft(t *testing.T) {
	t.Helper()
	for _, top := range compose.All() {
		project := "label=com.docker.compose.project=gauntlet-" + top.Name
		for _, args := range [][]string{{"container", "ls", "--all"}, {"network", "ls"}, {"volume", "ls"}} {
			out, err := exec.Command("docker", append(args, "--quiet", "--filter", project)...).Output()
			if err != nil {
				t.Errorf("docker %v: %v", args, err)
			}
			if left := strings.Fields(string(out)); len(left) > 0 {
				t.Errorf("%d %ss of %s are left behind: %v", len(left), args[0], top.Name, left)
			}
		}
	}
	if t.Failed() && os.Getenv("E2E_KEEP") == "" {
		takeAllDown(t)
	}
}

func takeAllDown(t *testing.T) {
	t.Helper()
	if out, err := gauntlet(t, t.TempDir(), "down").CombinedOutputOf(); err != nil {
		t.Logf("down: %v\n%s", err, out)
	}
}

// CombinedOutputOf runs the command and returns all that it printed.
func (inv *invocation) CombinedOutputOf() (string, error) {
	err := inv.Run()
	return inv.stdout.String() + inv.stderr.String(), err
}

// experiment writes an experiment file of its own for a test.
func experiment(t *testing.T, name, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name+".yaml")
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

// witnessed runs the independent client until stop is called and returns the outages that it saw.
type witness struct {
	LastOK, FirstBad, LastBad, FirstOK, FirstEnd time.Time
	Seconds                                      float64
}

func startWitness(ctx context.Context, t *testing.T, length time.Duration) func() []witness {
	t.Helper()
	exe := filepath.Join(t.TempDir(), "witness")
	if out, err := exec.Command("go", "build", "-o", exe, "gauntlet/cmd/witness").CombinedOutput(); err != nil {
		t.Fatalf("build witness: %v\n%s", err, out)
	}
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, exe, "-for", length.String(), "-url", entry())
	cmd.Stdout, cmd.Stderr = &out, os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return func() []witness { return witnessed(t, cmd, &out) }
}

// entry is where topologies that these tests start are reached.
func entry() string {
	base := compose.DefaultPortBase
	if n, err := strconv.Atoi(os.Getenv("GAUNTLET_PORT_BASE")); err == nil {
		base = n
	}
	return fmt.Sprintf("http://127.0.0.1:%d", base+80)
}

func witnessed(t *testing.T, cmd *exec.Cmd, out *bytes.Buffer) []witness {
	t.Helper()
	if err := cmd.Wait(); err != nil {
		t.Fatalf("witness: %v", err)
	}
	var all []witness
	for line := range strings.Lines(out.String()) {
		var raw struct {
			LastOK   time.Time `json:"last_ok"`
			FirstBad time.Time `json:"first_bad"`
			LastBad  time.Time `json:"last_bad"`
			FirstOK  time.Time `json:"first_ok"`
			FirstEnd time.Time `json:"first_ok_end"`
			Seconds  float64   `json:"seconds"`
		}
		if err := json.Unmarshal([]byte(line), &raw); err != nil {
			t.Fatalf("witness said %q: %v", line, err)
		}
		all = append(all, witness(raw))
	}
	return all
}

func interruptProcess(t *testing.T, cmd *exec.Cmd, sig syscall.Signal) {
	t.Helper()
	if err := cmd.Process.Signal(sig); err != nil {
		t.Fatal(err)
	}
}
