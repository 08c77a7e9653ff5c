package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Every command block of the README runs, as it stands there. The blocks with a `gauntlet` that is installed run with the one
// that is built here; the test command is this very run.
func TestReadmeCommandsRun(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	ran, first := 0, false
	for _, block := range strings.Split(string(text), "```sh\n")[1:] {
		block, _, _ = strings.Cut(block, "```")
		for line := range strings.Lines(block) {
			line = strings.TrimSpace(line)
			if line == "" || strings.HasPrefix(line, "go test ") {
				continue
			}
			ran++
			if line == readmeRun {
				first = true
				continue // TestPrimaryKillIsMeasuredAsAnotherClientSeesIt runs it
			}
			t.Run(line, func(t *testing.T) { runReadmeLine(t, line) })
		}
	}
	if !first {
		t.Errorf("the README's first command is not %q: let TestPrimaryKillIsMeasuredAsAnotherClientSeesIt run what it is", readmeRun)
	}
	if ran < 3 {
		t.Errorf("%d commands found in the README; the test does not read it right", ran)
	}
}

func runReadmeLine(t *testing.T, line string) {
	t.Helper()
	if strings.Contains(line, "--repeat") {
		line += " --dry-run" // ten full runs; each is what the first command runs once
	}
	if strings.Contains(line, " run ") && !strings.Contains(line, "--dry-run") {
		needDocker(t)
		defer nothingLeft(t)
	}
	exe, err := executable()
	if err != nil {
		t.Fatal(err)
	}
	var last string
	for range busyTries {
		cmd := exec.Command("sh", "-c", line)
		cmd.Dir = root
		cmd.Env = append(os.Environ(), "PATH="+filepath.Dir(exe)+string(os.PathListSeparator)+os.Getenv("PATH"), "XDG_STATE_HOME="+t.TempDir())
		out, err := cmd.CombinedOutput()
		t.Logf("$ %s\n%s", line, out)
		if err == nil {
			return
		}
		// A run on a machine that was too busy says so, or finds that the primary was lost by itself; that is right, and is worth
		// another try.
		if last = string(out); !undecided(last) {
			t.Fatalf("%s: %v", line, err)
		}
	}
	if !machineBusy(last) {
		t.Fatalf("%s: no answer %d times on a machine that was not busy", line, busyTries)
	}
	t.Skipf("not decided: %s: this machine was too busy %d times", line, busyTries)
}

// undecided says whether what a run printed bears a doubt that is worth another try.
func undecided(out string) bool {
	return machineBusy(out) || strings.Contains(out, "probes with gaps") || strings.Contains(out, "no target for")
}

// machineBusy says whether a run found that the machine did not let it measure. A load generator that is behind by its own fault would
// look the same; BenchmarkSendLag shows that.
func machineBusy(out string) bool {
	return strings.Contains(out, "the load generator was behind") || strings.Contains(out, "stall: ")
}
