package outpost

import (
	"time"

	"gauntlet/loadgen"
)

// Order is a part of a load.
type Order struct {
	Profile loadgen.Profile
	Region  string        // in Sample.Region
	Tokens  []string      // of the sessions
	FirstID uint64        // ledger ids are FirstID, FirstID+IDStep, ...: each part of a load has its own
	IDStep  uint64        //
	Start   time.Duration // first due time, on the clock of whoever reads it
	Length  time.Duration
}

// message is one line in either direction, as JSON.
type message struct {
	Ping   bool            `json:"ping,omitempty"`   // what time is it there?
	At     time.Duration   `json:"at,omitempty"`     // the answer: since the connection was taken
	Order  *Order          `json:"order,omitempty"`  // send this
	Sample *loadgen.Sample `json:"sample,omitempty"` // a request has ended, in the outpost's time
	Report *loadgen.Report `json:"report,omitempty"` // all have
	Err    string          `json:"err,omitempty"`    // it could not be done
}
