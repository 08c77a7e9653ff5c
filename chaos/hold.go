package chaos

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const (
	// lookEvery is how often a step looks whether its fault still holds.
	lookEvery = 200 * time.Millisecond
	// rampEvery is how often a ramp gets stronger.
	rampEvery = 500 * time.Millisecond
)

func now() time.Time { return time.Now() }

// disturb is the life of one step: undo log, injection, hold, undo, undo log.
func (e *engine) disturb(ctx context.Context, a active, in injection) {
	var err error
	if in.id, err = e.opts.Journal.Begin(in.step.Fault, in.actions); err != nil {
		e.fail(in.window, err)
		return
	}
	if err := e.inject(ctx, &in); err != nil {
		e.injectFailed(in, err)
		return
	}
	e.emit(in.window)
	e.hold(ctx, &in, e.start.Add(a.end))
	e.heal(ctx, in)
}

// inject is not cut short when ctx is over: an engine call that was abandoned half-way could take effect after its undo.
func (e *engine) inject(ctx context.Context, in *injection) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), injectTimeout)
	defer cancel()
	w := &in.window
	actions, err := e.atStrength(in, 0)
	if err != nil {
		return err
	}
	w.Asked = now()
	eff, err := CarryOut(ctx, e.rt, in.id, actions, serial(in.step.Fault))
	if err != nil {
		return fmt.Errorf("step %d (%s): %w", w.Step+1, w.Fault, err)
	}
	if eff.Proof == "" || eff.Began.IsZero() {
		w.Err = "no effect was seen"
	} else {
		w.Began, w.Uncertainty, w.Whole, w.Proof = eff.Began, eff.Uncertainty, eff.Whole, eff.Proof
	}
	return nil
}

// injectFailed closes the undo log's entry, unless what was done could not be undone.
func (e *engine) injectFailed(in injection, err error) {
	if !errors.Is(err, ErrStillDisturbed) {
		err = errors.Join(err, e.opts.Journal.Done(in.id))
	}
	e.fail(in.window, err)
}

// hold waits until the step is over, makes ramps stronger and follows targets that end the fault by restarting.
func (e *engine) hold(ctx context.Context, in *injection, until time.Time) {
	began := now()
	holds := newHolds(in.actions)
	nextRamp := began.Add(rampEvery)
	for {
		left := time.Until(until)
		if sleep(ctx, min(left, lookEvery)) != nil {
			return
		}
		done := !now().Before(until)
		if in.step.Ramp > 0 && !now().Before(nextRamp) {
			e.ramp(ctx, in, now().Sub(began))
			nextRamp = nextRamp.Add(rampEvery)
		}
		for i := range in.actions {
			e.follow(ctx, in, holds[i], i, done)
		}
		if done {
			return
		}
	}
}

// atStrength are the actions at a time of the ramp. Without a ramp they are at full strength from the beginning.
func (e *engine) atStrength(in *injection, elapsed time.Duration) ([]Action, error) {
	if in.step.Ramp == 0 {
		return in.actions, nil
	}
	share := min(1, float64(elapsed+rampEvery)/float64(in.step.Ramp+rampEvery))
	return in.step.Fault.(Scaler).Scale(share).Plan(in.scene, in.on)
}

// ramp applies the fault again, stronger; agents replace what they hold under the same id.
func (e *engine) ramp(ctx context.Context, in *injection, elapsed time.Duration) {
	if elapsed > in.step.Ramp+rampEvery {
		return
	}
	actions, err := e.atStrength(in, elapsed)
	if err == nil {
		for _, a := range actions {
			if _, err = e.rt.Do(ctx, a.Target, in.id, a.Do); err != nil {
				break
			}
		}
	}
	if err != nil && ctx.Err() == nil {
		in.window.note(fmt.Errorf("ramp: %w", err))
	}
}

// heal undoes the step even if ctx is over.
func (e *engine) heal(ctx context.Context, in injection) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoWithin(len(in.actions)))
	defer cancel()
	w := in.window
	w.HealAsked = now()
	if err := Undo(ctx, e.rt, in.id, in.actions); err != nil {
		e.fail(w, fmt.Errorf("step %d (%s): %w", w.Step+1, w.Fault, err))
		return
	}
	w.Healed = now()
	if err := e.opts.Journal.Done(in.id); err != nil {
		e.fail(w, err)
		return
	}
	e.emit(w)
}
