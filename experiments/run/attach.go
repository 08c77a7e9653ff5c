package run

import (
	"context"
	"fmt"
	"strings"
	"time"

	"gauntlet/compose"
)

// attach finds the user's own system, or starts it from the user's files, and waits until it is healthy.
func (r *runner) attach(ctx context.Context) error {
	a := r.exp.Attach
	r.project = r.exp.ProjectName()
	if err := r.engine.EnsureApp(ctx, r.opt.Observer.Say); err != nil {
		return err
	}
	if len(a.Files) > 0 {
		r.say("starting %s as project %s", strings.Join(a.Files, ", "), r.project)
		s, err := r.engine.UpFiles(ctx, r.project, a.Files)
		if err != nil {
			return err
		}
		r.stack = s
	}
	if err := r.awaitHealthy(ctx); err != nil {
		return err
	}
	found, err := r.engine.Attach(ctx, r.project)
	if err != nil {
		return err
	}
	r.on = found.On
	r.say("attached to %s", found.Project)
	r.base, err = entryOf(a.Entry, r.exp.Topology, r.on)
	return err
}

func (r *runner) awaitHealthy(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyLimit)
	defer cancel()
	began, waiting := time.Now(), ""
	err := r.engine.AwaitHealthy(ctx, r.project, func(on string) {
		if on != waiting {
			waiting = on
			r.say("waiting for %s", on)
		}
	})
	if err == nil && len(r.exp.Attach.Files) > 0 {
		r.say("project %s is healthy after %.0f s", r.project, time.Since(began).Seconds())
	}
	return err
}

// entryOf is where clients reach the user's system: a URL, or what is published for service:port.
func entryOf(entry, name string, on []compose.Container) (string, error) {
	if strings.Contains(entry, "://") {
		return strings.TrimSuffix(entry, "/"), nil
	}
	url, err := entryURL(compose.Topology{Name: name, Entry: entry}, on)
	if err != nil {
		return "", fmt.Errorf("%w: publish the port on 127.0.0.1, or write entry: http://127.0.0.1:PORT", err)
	}
	return url, nil
}
