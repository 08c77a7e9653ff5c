package main

import (
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"gauntlet/compose"
)

func TestEveryVerbExplainsItselfWithAnExample(t *testing.T) {
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		if c.Hidden || c.Name() == "help" || c.Name() == "completion" {
			return
		}
		if c.Short == "" || !strings.Contains(c.Example, "gauntlet "+strings.TrimPrefix(c.CommandPath(), "gauntlet ")) && c.HasParent() {
			t.Errorf("%s: short %q, example %q; want both, and the verb in its example", c.CommandPath(), c.Short, c.Example)
		}
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	walk(rootCommand())
}

// Bad input is refused with exit code 3, everything at once, each with its place and what to do; nothing is started.
func TestBadInputIsRefused(t *testing.T) {
	bad := experiment(t, "bad", "claim: c\ntopology: replicatd\nload: {workload: reference, rate: 200}\nsteps:\n  - {at: 5s, for: 5s, on: {role: postgres-primry}, fault: {kind: kil}}\ngoals:\n  - {metric: availabilty, at_least: 0.9}\n")
	for _, c := range []struct {
		name string
		args []string
		want []string
	}{
		{"all errors of a file at once", []string{"run", bad}, []string{
			bad + `:2:11: unknown topology "replicatd"`, bad + ":3:", "200/s", bad + ":5:", `"kil"`, bad + ":7:", `did you mean "availability"`,
		}},
		{"validate says the same", []string{"validate", bad}, []string{bad + `:2:11:`, bad + ":7:"}},
		{"no such experiment", []string{"run", "primary-kil"}, []string{"no such experiment", `did you mean "primary-kill"`}},
		{"no such topology", []string{"up", "replicatd"}, []string{"unknown topology", "replicated"}},
		{"topology without the role", []string{"run", "primary-kill", "--topology", "nowhere"}, []string{"unknown topology"}},
		{"no recording", []string{"score", t.TempDir()}, []string{"no recording", "runs/"}},
		{"bad repeat", []string{"run", "steady", "--repeat", "0"}, []string{"--repeat 0", "1 to 100"}},
		{"unknown flag", []string{"run", "steady", "--sed", "3"}, []string{"--sed"}},
		{"unknown verb", []string{"rnu"}, []string{"rnu"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			inv := gauntlet(t, t.TempDir(), c.args...)
			if code := inv.run(t); code != exitCannot {
				t.Errorf("exit code %d, want %d", code, exitCannot)
			}
			for _, want := range c.want {
				if !strings.Contains(inv.stderr.String(), want) {
					t.Errorf("stderr lacks %q:\n%s", want, inv.stderr.String())
				}
			}
			if inv.stdout.Len() > 0 {
				t.Errorf("stdout is not empty:\n%s", inv.stdout.String())
			}
		})
	}
}

// Without an engine Gauntlet says so, says how to mend it, and exits with 3.
func TestWithoutDockerItSaysHowToMendThat(t *testing.T) {
	inv := gauntlet(t, t.TempDir(), "run", "steady")
	inv.Env = append(inv.Env, "DOCKER_HOST=tcp://127.0.0.1:1")
	if code := inv.run(t); code != exitCannot {
		t.Errorf("exit code %d, want %d", code, exitCannot)
	}
	for _, want := range []string{"not ready", "DOCKER_HOST"} {
		if !strings.Contains(inv.stderr.String(), want) {
			t.Errorf("stderr lacks %q:\n%s", want, inv.stderr.String())
		}
	}
}

// A port in use is named before anything is started.
func TestPortInUseIsNamedAndNothingIsStarted(t *testing.T) {
	needDocker(t)
	const base = 22000
	l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(base+80)))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	inv := gauntlet(t, t.TempDir(), "run", "steady", "--port-base", strconv.Itoa(base))
	if code := inv.run(t); code != exitCannot {
		t.Errorf("exit code %d, want %d", code, exitCannot)
	}
	for _, want := range []string{"127.0.0.1:22080", "--port-base"} {
		if !strings.Contains(inv.stderr.String(), want) {
			t.Errorf("stderr lacks %q:\n%s", want, inv.stderr.String())
		}
	}
	nothingLeft(t)
}

func TestListShowsWhatThereIs(t *testing.T) {
	inv := gauntlet(t, t.TempDir(), "list")
	if code := inv.run(t); code != exitPass {
		t.Fatalf("exit code %d", code)
	}
	for _, top := range compose.All() {
		if got := strings.Contains(inv.stdout.String(), "\n"+top.Name+" "); got == top.Mutant {
			t.Errorf("topology %s is listed: %v, mutant: %v", top.Name, got, top.Mutant)
		}
	}
	files, err := filepath.Glob(filepath.Join(root, "experiments", "*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if name := strings.TrimSuffix(filepath.Base(f), ".yaml"); !strings.Contains(inv.stdout.String(), "\n"+name+" ") {
			t.Errorf("experiment %s is not listed", name)
		}
	}
}

// The plan of a dry run is printed without Docker.
func TestDryRunStartsNothing(t *testing.T) {
	inv := gauntlet(t, t.TempDir(), "run", "primary-kill", "--dry-run", "--seed", "42")
	inv.Env = append(inv.Env, "DOCKER_HOST=tcp://127.0.0.1:1")
	if code := inv.run(t); code != exitPass {
		t.Fatalf("exit code %d", code)
	}
	for _, want := range []string{"seed 42", "step 1: kill role=postgres-primary", "create   write", "40.0/s", "write_outage at most 10s"} {
		if !strings.Contains(inv.stdout.String(), want) {
			t.Errorf("plan lacks %q:\n%s", want, inv.stdout.String())
		}
	}
	if _, err := os.Stat(inv.out); !os.IsNotExist(err) {
		t.Errorf("a dry run made %s", inv.out)
	}
}
