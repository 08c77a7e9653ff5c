package faketarget

import (
	"fmt"
	"time"
)

// Mode is a way to treat requests.
type Mode uint8

// The modes. Hang and Slow read the request first.
const (
	Healthy Mode = iota // 200 at once
	Hang                // no answer before the behaviour changes; then the new behaviour answers, as after SIGSTOP and SIGCONT
	Refuse              // nobody listens and all connections are reset, as after a crash
	Reset               // the connection is reset after the request was read
	Status              // Code is answered at once
	Slow                // 200 after Delay
	Cut                 // the answer's body breaks off in the middle, then the connection is closed
)

// String is the mode in one word.
func (m Mode) String() string {
	names := [...]string{"healthy", "hang", "refuse", "reset", "status", "slow", "cut"}
	if int(m) < len(names) {
		return names[m]
	}
	return fmt.Sprintf("mode %d", m)
}

// Behaviour is what the server does with requests.
type Behaviour struct {
	Mode     Mode
	Delay    time.Duration // Slow: before the answer
	Code     int           // Status: what is answered, default 500
	NoEffect bool          // Status: the answer says "X-Effect: none"
	Every    uint64        // treat only each Every-th request so, counted by the server from its start; 0 and 1 mean all
}

// Step changes the behaviour at a time.
type Step struct {
	At time.Duration // from the start of the script
	Do Behaviour
}

// Outage is the script of one outage: do from begin for length, healthy before and after.
func Outage(do Behaviour, begin, length time.Duration) []Step {
	return []Step{{At: begin, Do: do}, {At: begin + length}}
}

// Change is a behaviour that really began at a time: the truth of a script.
type Change struct {
	At time.Time
	Do Behaviour
}

// Counts are what the server itself saw since its start.
type Counts struct {
	Connections uint64 // accepted
	Requests    uint64 // whole requests read
	Answered    uint64 // answers with status 200, also to clients that had gone
	Failed      uint64 // answers with another status
	Reset       uint64 // connections reset because of a request that was read from them; those that Refuse closes count only if a request was hanging
	Cut         uint64 // answers broken off
}
