package chaos

import (
	"context"
	"slices"
	"time"
)

// Event is a change of a container's state that the engine reported.
type Event struct {
	Container string    // name as printed
	ID        string    // runtime id
	Action    string    // die, start, pause, unpause, oom, destroy
	At        time.Time // on this process's clock
	ExitCode  int       // of die
	ScaledBy  string    // which autoscaler of the project made the container, "" for none: those come and go by themselves
}

// Watcher is a Runtime that reports events.
type Watcher interface {
	// Events calls emit, one call at a time, for each event from now on, until ctx is over (then it returns nil) or the
	// stream breaks (then later events are lost and the error says so).
	Events(ctx context.Context, emit func(Event)) error
}

// Explains says whether the fault caused the event: same container, an action of its kind, between the asking and the proof
// of healing, give or take slack (clocks, late reports). A window that is not healed explains until the end.
func (w Window) Explains(e Event, slack time.Duration) bool {
	if w.Asked.IsZero() || !slices.Contains(w.On, e.Container) || !causes(w.Fault, e.Action) {
		return false
	}
	if e.At.Before(w.Asked.Add(-slack)) {
		return false
	}
	return w.Healed.IsZero() || !e.At.After(w.Healed.Add(slack))
}

func causes(kind, action string) bool {
	i := slices.IndexFunc(Kinds(), func(k KindDoc) bool { return k.Name == kind })
	return i >= 0 && slices.Contains(Kinds()[i].Events, action)
}
