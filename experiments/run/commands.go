package run

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"gauntlet/chaos"
	"gauntlet/experiments/history"
	"gauntlet/experiments/spec"
)

// execer runs a command in a container and returns what it printed and its exit code; docker.Runtime does.
type execer interface {
	Exec(ctx context.Context, id string, cmd []string) (stdout string, code int, err error)
}

var errNoExec = errors.New("this runtime can't run commands in containers")

// commands runs the experiment's commands at their times, beside each other. One that fails, or has not ended when ctx does, is noted
// as an error, which makes the verdict unknown: nobody knows what the run shows then.
func (r *runner) commands(ctx context.Context, rec *recorder, live chaos.Runtime, begin time.Duration) {
	var all sync.WaitGroup
	defer all.Wait()
	for _, c := range r.exp.Commands {
		all.Go(func() {
			if !sleepUntil(ctx, r.origin.Add(begin+r.exp.Phases.Warm+c.At)) {
				return
			}
			said, err := r.command(ctx, rec, live, c)
			if err != nil {
				rec.note(history.NoteError, fmt.Sprintf("command %q: %v%s", strings.Join(c.Run, " "), err, lastLines(said, 3)))
				return
			}
			rec.note(history.NoteInfo, fmt.Sprintf("command %q has ended%s", strings.Join(c.Run, " "), lastLines(said, 3)))
		})
	}
}

// command runs one command.
func (r *runner) command(ctx context.Context, rec *recorder, live chaos.Runtime, c spec.Command) (said string, err error) {
	do, ok := chaos.Power[execer](live)
	if !ok {
		return "", errNoExec
	}
	all, err := live.List(ctx)
	if err != nil {
		return "", err
	}
	on, err := c.On.Resolve(all, rand.New(rand.NewPCG(r.exp.Seed, 0)))
	if err != nil {
		return "", err
	}
	if len(on) != 1 {
		return "", fmt.Errorf("it would run in %d containers, want one: add pick: one", len(on))
	}
	rec.note(history.NoteInfo, fmt.Sprintf("command %q begins in %s", strings.Join(c.Run, " "), on[0].Name))
	r.say("%s: %s", on[0].Name, strings.Join(c.Run, " "))
	said, code, err := do.Exec(ctx, on[0].ID, c.Run)
	switch {
	case ctx.Err() != nil:
		return said, errors.New("had not ended when the load did")
	case err == nil && code != 0:
		err = fmt.Errorf("exit code %d", code)
	}
	return said, err
}

// lastLines are the last n lines of what a command said, in one.
func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	if text = strings.Join(lines[max(0, len(lines)-n):], "; "); text == "" {
		return ""
	}
	return ": " + text
}

// sleepUntil waits for a moment; false if ctx ended first.
func sleepUntil(ctx context.Context, at time.Time) bool {
	t := time.NewTimer(time.Until(at))
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
