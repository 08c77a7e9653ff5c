package history

import (
	"time"

	"gauntlet/experiments/monitor"
	"gauntlet/experiments/probe"
	"gauntlet/experiments/register"
)

// Version of the recording's format. A reader refuses what it doesn't know.
const Version = 1

// Header opens a recording: everything about the run that was known before it began.
type Header struct {
	Version    int               `json:"version"`
	Experiment string            `json:"experiment"` // name
	Topology   string            `json:"topology"`
	Source     string            `json:"source"` // the experiment file's text, so that a recording can be scored alone
	Origin     time.Time         `json:"origin"` // wall time of offset 0; all other times are offsets on the monotonic clock
	Seed       uint64            `json:"seed"`
	Rate       float64           `json:"rate"` // planned requests per second
	Timeout    time.Duration     `json:"timeout_ns"`
	Limit      time.Duration     `json:"limit_ns"`
	Ops        []OpInfo          `json:"ops"`
	Regions    []RegionRate      `json:"regions,omitempty"`    // of clients in containers; none: all are in one place
	Roles      []string          `json:"roles"`                // live roles that the topology has; decides which parts of the score apply
	Replicas   []string          `json:"replicas"`             // names of the database nodes
	Shards     map[string]string `json:"shards,omitempty"`     // which database cluster each of them belongs to, where there are several
	Containers int               `json:"containers,omitempty"` // that ran when the recording began; 0: not known
	Sync       bool              `json:"sync"`                 // the topology promises that no acknowledged write is lost
	Machine    Machine           `json:"machine"`
	Client     string            `json:"client"`              // the client model in words: keep-alive, connections, retries
	Alerts     *AlertRules       `json:"alerts,omitempty"`    // nil: none were evaluated
	Registers  *Registers        `json:"registers,omitempty"` // nil: no clients called registers
}

// Registers says how registers were called during the run.
type Registers struct {
	Processes int     `json:"processes"`
	Keys      int     `json:"keys"`
	Rate      float64 `json:"rate"`     // calls per second of all processes
	Sessions  bool    `json:"sessions"` // reads of sessions were among them
}

// AlertRules are the rules that were evaluated during the run.
type AlertRules struct {
	Files  []monitor.File `json:"files"`
	Scale  float64        `json:"scale"`     // what all their times were divided by, from 1
	Scrape time.Duration  `json:"scrape_ns"` // how often the topology was asked for its metrics
}

// Alert is a change of an alert's state, at the evaluation that saw it.
type Alert struct {
	At     time.Duration `json:"at_ns"`
	Name   string        `json:"name"`
	Labels string        `json:"labels,omitempty"`
	To     string        `json:"to"` // inactive, pending or firing
	Value  float64       `json:"value"`
}

// OpInfo is what the score must know about an operation.
type OpInfo struct {
	Name   string  `json:"name"`
	Class  string  `json:"class"`
	Rate   float64 `json:"rate"` // planned requests per second
	Ledger bool    `json:"ledger,omitempty"`
}

// RegionRate is what the clients of one region send of one class.
type RegionRate struct {
	Class  string  `json:"class"`
	Region string  `json:"region"`
	Rate   float64 `json:"rate"` // planned requests per second
}

// Machine is where the run took place.
type Machine struct {
	OS, Arch, Kernel, Engine, Compose, Gauntlet string
	CPUs                                        int
	MemoryBytes                                 int64
}

// PhaseStart marks the beginning of a phase. The phases are: up, warm, baseline, fault, recovery, readback, down.
type PhaseStart struct {
	Name string        `json:"name"`
	At   time.Duration `json:"at_ns"`
}

// Fault is a chaos.Window as offsets. A zero Began means that no effect was seen, a zero Healed that healing was not proven.
type Fault struct {
	Step        int           `json:"step"`
	Kind        string        `json:"kind"`
	On          []string      `json:"on"`
	Roles       []string      `json:"roles,omitempty"`
	Actions     []string      `json:"actions,omitempty"` // what was done and how it is undone, one line a target
	Notes       []string      `json:"notes,omitempty"`   // such as that the fault was applied again after a restart
	Asked       time.Duration `json:"asked_ns"`
	Began       time.Duration `json:"began_ns"`
	Uncertainty time.Duration `json:"uncertainty_ns"`
	Whole       time.Duration `json:"whole_ns,omitempty"` // when the last of several targets felt it, at the latest; 0 in old recordings
	HealAsked   time.Duration `json:"heal_asked_ns"`
	Healed      time.Duration `json:"healed_ns"`
	Proof       string        `json:"proof,omitempty"`
	Err         string        `json:"err,omitempty"`
}

// EngineEvent is a container state change that the engine reported. One that no fault explains voids the run.
type EngineEvent struct {
	Container string        `json:"container"`
	Action    string        `json:"action"` // die, start, pause, unpause, oom, destroy
	At        time.Duration `json:"at_ns"`
	ExitCode  int           `json:"exit_code,omitempty"`
	ScaledBy  string        `json:"scaled_by,omitempty"` // which autoscaler of the topology made the container: it comes and goes by itself
}

// ReadBack is what one node held after the heal: the ids of all writes of this run.
type ReadBack struct {
	Node       string        `json:"node"`
	Shard      string        `json:"shard,omitempty"` // the database cluster that it belongs to, where there are several
	Role       string        `json:"role"`            // primary or replica, as the node itself said
	At         time.Duration `json:"at_ns"`
	Present    []Range       `json:"present"`              // ids, ascending
	Duplicated []Range       `json:"duplicated,omitempty"` // ids with more than one effect
	Misplaced  []Range       `json:"misplaced,omitempty"`  // ids that belong to another shard
	CaughtUp   bool          `json:"caught_up"`            // a replica: it had replayed all that the primary had when its ids were read
	Err        string        `json:"err,omitempty"`        // the node could not be read: unknown, never lost
}

// Jobs is what became of the jobs that writes brought, read from the primary after the heal.
type Jobs struct {
	Node        string        `json:"node"`
	At          time.Duration `json:"at_ns"`
	Done        []Range       `json:"done"`              // ids of writes whose job had its effect
	Doubled     []Range       `json:"doubled,omitempty"` // those of which it had more than one
	Redelivered uint64        `json:"redelivered"`       // jobs that were brought to a worker again after they had been done
	Err         string        `json:"err,omitempty"`     // nobody could be read: unknown
}

// Range is an interval of ids, both ends included.
type Range [2]uint64

// Note is a remark for the reader, such as "interrupted".
type Note struct {
	At   time.Duration `json:"at_ns"`
	Kind string        `json:"kind"` // see the Note constants
	Text string        `json:"text"`
}

// Kinds of notes. Each but Info and Janitor bears on the verdict.
const (
	NoteInfo        = "info"
	NoteInterrupted = "interrupted" // by a signal
	NoteError       = "error"       // something failed that the run survived
	NoteAborted     = "aborted"     // the run could not go on
	NoteUndo        = "undo"        // an undo failed: something may still be disturbed
	NoteStall       = "stall"       // the machine was too busy all along, text says how
	NoteJanitor     = "janitor"     // what became of the janitor, or what it did; bears not on the verdict
)

// End closes a complete recording.
type End struct {
	At      time.Duration     `json:"at_ns"`
	Planned map[string]uint64 `json:"planned"`          // requests planned per op; the samples must sum to it
	Pauses  []probe.Pause     `json:"pauses,omitempty"` // of this machine under the load, by offset from the origin
}

// Event is one line of events.jsonl: exactly one field is set.
type Event struct {
	Header   *Header       `json:"header,omitempty"`
	Phase    *PhaseStart   `json:"phase,omitempty"`
	Fault    *Fault        `json:"fault,omitempty"` // written when it began and again when it healed; the later line of a step wins
	Engine   *EngineEvent  `json:"engine,omitempty"`
	Change   *probe.Change `json:"change,omitempty"`
	Point    *probe.Point  `json:"point,omitempty"`
	Read     *ReadBack     `json:"read,omitempty"`
	Jobs     *Jobs         `json:"jobs,omitempty"`
	Alert    *Alert        `json:"alert,omitempty"`
	Register *register.Op  `json:"register,omitempty"`
	Note     *Note         `json:"note,omitempty"`
	End      *End          `json:"end,omitempty"`
}
