package chaos

import (
	"context"
	"net/netip"
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

	Image       string       // as the container was made from
	Env         []string     // "KEY=value"
	Ports       []uint16     // that the image or the container declares, TCP
	Networks    []Attachment // none while it is down
	HostNetwork bool         // shares the host's network: network faults would hit the host
	Quota       float64      // CPUs that it may use; 0 is no limit
	Snapshot    string       // how to make it again; only filled for faults that remove, see Snapshotter
}

// Attachment is a container's place in one network.
type Attachment struct {
	Network string     // the runtime's name for it
	Addr    netip.Addr // IPv4; invalid if it has none
	Addr6   netip.Addr
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

// Fault is one kind of disturbance; its exported fields are its YAML.
type Fault interface {
	// Kind is the fault's name in YAML.
	Kind() string
	// Plan says what to do to each target and how to undo it. It is pure: what it says depends on its arguments alone.
	Plan(s Scene, on []Container) ([]Action, error)
}

// Scene is what a plan may know beside its targets.
type Scene struct {
	All  []Container // every container in scope, as listed at the injection
	Seed uint64      // of all chance in this injection
}

// Effect is the evidence that an operation took hold.
type Effect struct {
	Began       time.Time     // when the first target felt it: process gone, cgroup frozen; never when the call returned
	Uncertainty time.Duration // Began is known to ± this
	Whole       time.Time     // when the last target of a group felt it, at the latest; zero of a single operation
	Proof       string        // what was seen, in words: "process 4242 gone"; "" is no proof
}

// Step is one fault in an experiment's schedule.
type Step struct {
	At, For time.Duration // At counts from the end of the warm-up, For is how long it lasts (0: until the end)
	Ramp    time.Duration // the strength grows evenly from nothing over this time; only for faults that are Scalers
	On      Selector
	Fault   Fault
	Guard   Guard
	Line    int // in the experiment file, for errors; 0 if not from a file
}

// Window is one fault as it happened.
type Window struct {
	Step        int // index in the schedule
	Fault       string
	On          []string // names of the targets
	Roles       []string // what the targets were when they were hit
	Actions     []string // what was done, one line a target
	Asked       time.Time
	Began       time.Time     // zero: no effect was seen
	Uncertainty time.Duration // of Began
	Whole       time.Time     // when the last of several targets felt it, at the latest
	HealAsked   time.Time
	Healed      time.Time // zero: not proven healed
	Proof       string
	Notes       []string // such as "re-applied to web2, which was restarted"
	Err         string
}

// Runtime is what faults need of a container engine. Abilities beyond it are interfaces of one method, see Power.
type Runtime interface {
	// List returns the containers in scope, with their live state.
	List(ctx context.Context) ([]Container, error)
	// Do carries out one operation and returns, when it was seen to have taken hold, how and when. The id names the
	// disturbance for a later Check or VerbRevoke. ErrGone: there is no such container. ErrWrongState: it would show no effect.
	Do(ctx context.Context, t Target, id string, op Op) (Effect, error)
	// Check says whether what op did still holds; nil if it does, ErrEndedEarly if it does not, other errors if that can't be told.
	Check(ctx context.Context, t Target, id string, op Op) error
}

// Armer is a Runtime that can make agents ready, so that a later Do is one message.
type Armer interface {
	Arm(ctx context.Context, on []Container, verbs []Verb) error
}

// Sweeper is a Runtime that can end every agent in its scope, whoever started it. It returns the names of their targets.
type Sweeper interface {
	Sweep(ctx context.Context) (ended []string, err error)
}

// Snapshotter is a Runtime that can describe a container well enough to make it again.
type Snapshotter interface {
	Snapshot(ctx context.Context, id string) (string, error)
}
