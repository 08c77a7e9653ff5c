package register

import "time"

// Kind is what a call asks for.
type Kind string

// The kinds of calls.
const (
	Set     Kind = "set"
	Current Kind = "current" // a read that must be linearizable
	Session Kind = "session" // a read that must show what the session has written
)

// Outcome is how a call ended.
type Outcome string

// The outcomes of calls.
const (
	OK   Outcome = "ok"
	Fail Outcome = "fail" // certainly without effect; all reads that have no answer end so
	Info Outcome = "info" // a write of which nobody knows
)

// Op is one call of a process, which makes one after the other. A process that does not know how its call ended makes no more: its
// place is taken by a new one.
type Op struct {
	Process int64         `json:"process"`
	Key     int64         `json:"key"`
	Owned   bool          `json:"owned,omitempty"` // by one process, which writes ascending values
	Kind    Kind          `json:"kind"`
	Value   int64         `json:"value"` // written, or read; 0: it was never set
	Call    time.Duration `json:"call_ns"`
	Return  time.Duration `json:"return_ns"`
	Out     Outcome       `json:"out"`
	Server  string        `json:"server,omitempty"` // header X-Served-By
	Err     string        `json:"err,omitempty"`
}
