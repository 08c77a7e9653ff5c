package compose

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// command runs a program to its end and returns what it printed. An error carries the end of that.
func command(ctx context.Context, dir string, env []string, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.Env = append(append(composeEnv(), os.Environ()...), env...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) } // lets a build or a Compose end its own children
	cmd.WaitDelay = 5 * time.Second
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return out.String(), fmt.Errorf("%s %s: %w%s", name, strings.Join(args[:min(2, len(args))], " "), err, tail(out.String()))
	}
	return out.String(), nil
}

// composeEnv are settings of the Compose tools for projects of many services; the user's own win. docker-compose 1.29 has 64 turns for all
// that it does, and takes one for each service and another for each container: with some sixty services it would start one container at a
// time. And it waits for 60 s only for the engine's answer.
func composeEnv() []string {
	return []string{"COMPOSE_PARALLEL_LIMIT=250", "COMPOSE_HTTP_TIMEOUT=240"}
}

// tailLines is how much of a failed program's output is shown.
const tailLines = 12

// tail is the end of a program's output, indented, with a hint where the cause is a known one.
func tail(out string) string {
	lines := strings.Split(strings.TrimSpace(out), "\n")
	lines = lines[max(0, len(lines)-tailLines):]
	if len(lines) == 1 && lines[0] == "" {
		return ""
	}
	return "\n    " + strings.Join(lines, "\n    ") + hint(out)
}

// hints are the usual causes of a failure, by what is then printed, and how to mend them.
var hints = []struct {
	printed []string
	mend    string
}{
	{[]string{"no space left on device"}, "the disk is full: docker system df shows what Docker holds, docker image prune frees some"},
	{[]string{"temporary failure resolving", "could not resolve", "unable to connect to", "could not connect to", "unable to fetch some archives", "connection timed out"},
		"no package source can be reached: check the network, the proxy and this host's apt sources"},
	{[]string{"port is already allocated", "address already in use"}, "a port is in use: set GAUNTLET_PORT_BASE or --port-base to another range"},
	{[]string{"pool overlaps with other one"}, "the network is in use: docker network prune removes those that nobody uses; then try again"},
}

// hint says how to mend what a failed program printed, "" if that is not known.
func hint(out string) string {
	out = strings.ToLower(out)
	for _, h := range hints {
		if slices.ContainsFunc(h.printed, func(p string) bool { return strings.Contains(out, p) }) {
			return "\n  mend: " + h.mend
		}
	}
	return ""
}
