package lease

import (
	"encoding/json"
	"errors"
	"time"

	"gauntlet/chaos"
)

// Default is how long a server goes on without a sign of its caller.
const Default = 1500 * time.Millisecond

// The kinds that the line itself answers. All others are the handler's.
const (
	kindHello  = "hello"  // the first call; carries the lease
	kindRenew  = "renew"  // answered with number 0
	kindCancel = "cancel" // the caller of call N gave up; not answered
)

// request is one line from the caller.
type request struct {
	N     uint64          `json:"n,omitempty"`
	Kind  string          `json:"kind"`
	Lease time.Duration   `json:"lease_ns,omitempty"` // of hello
	Body  json.RawMessage `json:"body,omitempty"`
}

// answer is one line to the caller.
type answer struct {
	N    uint64          `json:"n"` // of the request; 0 after a renewal
	Body json.RawMessage `json:"body,omitempty"`
	Err  string          `json:"err,omitempty"`
	Is   []string        `json:"is,omitempty"` // names of the errors that it wraps
}

// named are the errors that keep their meaning across the line.
var named = []struct {
	name string
	err  error
}{
	{"gone", chaos.ErrGone},
	{"refused", chaos.ErrRefused},
	{"wrong-state", chaos.ErrWrongState},
	{"unsupported", chaos.ErrUnsupported},
	{"ended-early", chaos.ErrEndedEarly},
	{"still-disturbed", chaos.ErrStillDisturbed},
}

// failed is the answer that carries an error.
func failed(n uint64, err error) answer {
	a := answer{N: n, Err: err.Error()}
	for _, e := range named {
		if errors.Is(err, e.err) {
			a.Is = append(a.Is, e.name)
		}
	}
	return a
}

// err is the error that an answer carries, nil if none.
func (a answer) err() error {
	if a.Err == "" {
		return nil
	}
	far := &farError{text: a.Err}
	for _, name := range a.Is {
		for _, e := range named {
			if e.name == name {
				far.is = append(far.is, e.err)
			}
		}
	}
	return far
}

// farError is an error of the other process.
type farError struct {
	text string
	is   []error
}

func (e *farError) Error() string   { return e.text }
func (e *farError) Unwrap() []error { return e.is }
