package run

import (
	"context"
	"fmt"
	"time"

	"gauntlet/chaos"
)

// loadRuntime is a chaos.Runtime that also takes what is done to the load. The rate of a spike is in the load's schedule from
// the beginning: here it is only booked.
type loadRuntime struct {
	chaos.Runtime
	rate float64 // without a spike, requests per second
}

// Unwrap is the runtime of the containers.
func (l loadRuntime) Unwrap() chaos.Runtime { return l.Runtime }

// Do books a spike; all else is for the containers.
func (l loadRuntime) Do(ctx context.Context, t chaos.Target, id string, op chaos.Op) (chaos.Effect, error) {
	switch {
	case op.Verb == chaos.VerbSpike:
		return chaos.Effect{Began: time.Now(), Proof: fmt.Sprintf("%g requests/s are due instead of %g", l.rate*op.Factor, l.rate)}, nil
	case op.Verb == chaos.VerbRevoke && op.Of != nil && op.Of.Verb == chaos.VerbSpike:
		return chaos.Effect{Began: time.Now(), Proof: fmt.Sprintf("%g requests/s are due", l.rate)}, nil
	}
	return l.Runtime.Do(ctx, t, id, op)
}

// Check says that a spike holds: it is in the schedule.
func (l loadRuntime) Check(ctx context.Context, t chaos.Target, id string, op chaos.Op) error {
	if op.Verb == chaos.VerbSpike {
		return nil
	}
	return l.Runtime.Check(ctx, t, id, op)
}
