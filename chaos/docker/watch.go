package docker

import (
	"context"
	"fmt"
	"sync"
	"time"

	"gauntlet/chaos"
)

const (
	watchEvery  = time.Millisecond // at first
	watchShare  = 100              // then each look comes a hundredth of the time so far after the one before it, which bounds the uncertainty
	effectGrace = 5 * time.Second  // how long after the call returned its effect may still show
)

// span is the time in which something happened: not before lo, not after hi.
type span struct{ lo, hi time.Time }

// effect is the span as an Effect.
func (s span) effect(proof string) chaos.Effect {
	half := s.hi.Sub(s.lo) / 2
	return chaos.Effect{Began: s.lo.Add(half), Uncertainty: half, Proof: proof}
}

// during makes the call and watches for its effect at the same time. Without eyes (is nil) the effect lies between the asking
// and the return, and seen is false.
func during(ctx context.Context, call func(context.Context) error, is func() (bool, error)) (at span, seen bool, err error) {
	at.lo = time.Now()
	if is == nil {
		err = call(ctx)
		at.hi = time.Now()
		return at, false, err
	}
	watching, stop := context.WithCancel(ctx)
	defer stop()
	var sight span
	var sightErr error
	var wg sync.WaitGroup
	wg.Go(func() { sight, sightErr = watch(watching, at.lo, is) })
	err = call(ctx)
	at.hi = time.Now()
	if err != nil {
		stop()
	}
	late := time.AfterFunc(effectGrace, stop)
	defer late.Stop()
	wg.Wait()
	if sightErr != nil {
		return at, false, err
	}
	return sight, true, err
}

// watch polls until it is so, and returns the time between the last look that said no and the first that said yes. A fault on a whole
// region has many who watch, while the machine is busy with it: they look less often the longer it takes.
func watch(ctx context.Context, since time.Time, is func() (bool, error)) (span, error) {
	tick := time.NewTimer(watchEvery)
	defer tick.Stop()
	for lo := since; ; {
		looked := time.Now()
		yes, err := is()
		if err != nil {
			return span{}, err
		}
		if yes {
			return span{lo, time.Now()}, nil
		}
		lo = looked
		select {
		case <-ctx.Done():
			return span{}, fmt.Errorf("no effect was seen: %w", ctx.Err())
		case <-tick.C:
			tick.Reset(max(watchEvery, time.Since(since)/watchShare))
		}
	}
}
