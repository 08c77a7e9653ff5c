package compose

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// command runs a program to its end and returns what it printed. An error carries the end of that.
func command(ctx context.Context, dir string, env []string, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
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

// hint says how to mend the usual causes.
func hint(out string) string {
	switch {
	case strings.Contains(out, "No space left on device"), strings.Contains(out, "no space left on device"):
		return "\n  the disk is full: docker system df shows what Docker holds, docker image prune frees some"
	case strings.Contains(out, "Temporary failure resolving"), strings.Contains(out, "Could not resolve"):
		return "\n  no package source can be reached: check the network, the proxy and /etc/apt/sources.list"
	case strings.Contains(out, "port is already allocated"), strings.Contains(out, "address already in use"):
		return "\n  a port is in use: set GAUNTLET_PORT_BASE or --port-base to another range"
	}
	return ""
}
