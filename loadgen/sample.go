package loadgen

import "time"

// Outcome says how a planned request ended. planned = OK + Fail + Info + Missed, always.
type Outcome uint8

// The four ends of a planned request. The zero value is not an end.
const (
	OK     Outcome = iota + 1 // answered with a success
	Fail                      // certainly without effect: refused, answered 4xx, a failed read
	Info                      // effect unknown: a write that timed out, was reset or answered 5xx after its first byte was sent
	Missed                    // its deadline passed before it could be sent
)

// Sample is one planned request as the client felt it. Times are offsets from the run's origin on one monotonic clock.
type Sample struct {
	Op     string        // name of the operation in the workload, such as "create"
	Class  string        // operation class: read, write, session, ...
	Region string        // region of the client, "" where there is only one
	Due    time.Duration // when the schedule wanted it sent; latency and deadline count from here
	Sent   time.Duration // when it was taken up, without what it waited for a connection; Sent-Due is the generator's own lag. Missed: when it was given up
	End    time.Duration // when the answer was complete, or when it was given up
	Code   int           // HTTP status, 0 without an answer
	Out    Outcome
	ID     uint64 // ledger id of a write, 0 for an op that is not in the ledger
	Server string // who says it answered (response header X-Served-By), "" if nobody said
	Err    string // kind of error: "timeout", "refused", "reset", "eof", "status 503", ...; "" for OK
}

// Latency is the time from the due time to the end.
func (s Sample) Latency() time.Duration { return s.End - s.Due }

// Lag is how late the generator itself was: a fact about the tool, not about the system under test.
func (s Sample) Lag() time.Duration { return s.Sent - s.Due }
