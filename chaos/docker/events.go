package docker

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/docker/docker/api/types/events"
	"github.com/docker/docker/api/types/filters"

	"gauntlet/chaos"
)

// reported are the actions that Events passes on.
var reported = []events.Action{
	events.ActionDie, events.ActionStart, events.ActionPause, events.ActionUnPause, events.ActionOOM, events.ActionDestroy,
}

// Events calls emit for each change of a container of the project from now on, on our clock. It returns nil when ctx is over,
// and an error when the stream breaks.
func (r *Runtime) Events(ctx context.Context, emit func(chaos.Event)) error {
	since := time.Now().Add(r.clock.Offset)
	names, err := r.names(ctx)
	if err != nil {
		return err
	}
	messages, failed := r.cli.Events(ctx, events.ListOptions{Since: stamp(since), Filters: r.eventFilter()})
	for {
		select {
		case m := <-messages:
			if refusal(r.opts.Project, m.Actor.Attributes) == "" {
				emit(r.event(ctx, m, names))
			}
		case err := <-failed:
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("docker: events: %w", err)
		}
	}
}

// stamp is a time as the engine reads it: seconds and nanoseconds since 1970.
func stamp(t time.Time) string { return fmt.Sprintf("%d.%09d", t.Unix(), t.Nanosecond()) }

func (r *Runtime) eventFilter() filters.Args {
	f := filters.NewArgs(filters.Arg("type", "container"), filters.Arg("label", labelProject+"="+r.opts.Project))
	for _, a := range reported {
		f.Add("event", string(a))
	}
	return f
}

// names maps ids to printed names.
func (r *Runtime) names(ctx context.Context) (map[string]string, error) {
	all, err := r.List(ctx)
	if err != nil {
		return nil, err
	}
	names := make(map[string]string, len(all))
	for _, c := range all {
		names[c.ID] = c.Name
	}
	return names, nil
}

// event translates one message. A container that appeared since is looked up; one that can't be is named by its labels.
func (r *Runtime) event(ctx context.Context, m events.Message, names map[string]string) chaos.Event {
	at := m.Actor.Attributes
	if _, known := names[m.Actor.ID]; !known {
		fresh, err := r.names(ctx)
		if err != nil {
			fresh = nil // the event counts more than its name
		}
		names[m.Actor.ID] = cmp.Or(fresh[m.Actor.ID], numbered(at[labelService], cmp.Or(at[labelNumber], "1")))
	}
	code, err := strconv.Atoi(at["exitCode"])
	if err != nil {
		code = 0 // only die has one
	}
	return chaos.Event{
		Container: names[m.Actor.ID], ID: m.Actor.ID, Action: string(m.Action), ScaledBy: at[labelScaled],
		At: r.clock.local(time.Unix(0, m.TimeNano)), ExitCode: code,
	}
}
