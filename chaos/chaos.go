package chaos

import (
	"context"
	"time"
)

// Container is a target as the runtime sees it now.
type Container struct {
	ID      string // runtime id; never parsed
	Name    string // service-index, such as "db-1"; what people read
	Service string
	Index   int // replica number within the service, from 1
	Tier    string
	Region  string
	Roles   []string // live roles, such as "postgres-primary"; resolved when asked, never cached
	State   State
	PID     int               // host PID of the container's first process, 0 if unknown or not running
	Labels  map[string]string // as the runtime has them
}

// State is what a container is doing.
type State string

// The states that faults move between.
const (
	Running State = "running"
	Paused  State = "paused"
	Exited  State = "exited"
	Gone    State = "gone" // removed
)

// Heal undoes a fault. It is idempotent, and a container that is gone counts as healed.
type Heal func(ctx context.Context) error

// Fault is one kind of disturbance; its exported fields are its YAML.
type Fault interface {
	// Inject disturbs the targets and returns what happened and the undo. On error it has already undone its part.
	Inject(ctx context.Context, rt Runtime, on []Container) (Effect, Heal, error)
	// Kind is the fault's name in YAML.
	Kind() string
}

// Effect is the evidence that a fault took hold.
type Effect struct {
	Began       time.Time     // when the first target felt it: process gone, cgroup frozen; never when the call returned
	Uncertainty time.Duration // Began is known to ± this
	Proof       string        // what was seen, in words: "process 4242 gone"; "" is no proof
}

// Step is one fault in an experiment's schedule.
type Step struct {
	At, For time.Duration // At counts from the end of the warm-up, For is how long it lasts (0: until the end)
	On      Selector
	Fault   Fault
	Line    int // in the experiment file, for errors; 0 if not from a file
}

// Window is one fault as it happened.
type Window struct {
	Step        int // index in the schedule
	Fault       string
	On          []string // names of the targets
	Roles       []string // what the targets were when they were hit
	Asked       time.Time
	Began       time.Time     // zero: no effect was seen
	Uncertainty time.Duration // of Began
	HealAsked   time.Time
	Healed      time.Time // zero: not proven healed
	Proof       string
	Err         string
}

// Runtime is what faults need of a container engine.
type Runtime interface {
	// List returns the containers in scope, with their live state.
	List(ctx context.Context) ([]Container, error)
	// SetState moves a container to Running, Paused or Exited (SIGKILL) and returns when and how it was seen to happen.
	SetState(ctx context.Context, id string, want State) (Effect, error)
	// Crash kills the container's first process from outside the engine, so that its restart policy acts.
	Crash(ctx context.Context, id string) (Effect, error)
}
