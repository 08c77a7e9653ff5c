package state

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"gauntlet/chaos"
)

// Limits of one connection attempt and of one question, and of what may take several: proofs and locks that others hold.
const (
	askLimit   = time.Second
	proveLimit = 10 * time.Second
	pollEvery  = 50 * time.Millisecond
	closeLimit = 5 * time.Second
)

// Worker is the agent's worker for chaos.VerbState and chaos.VerbReplay.
type Worker struct {
	held map[string]change // by id
}

// New makes a Worker that holds nothing.
func New() *Worker { return &Worker{held: map[string]change{}} }

// change is one change of state.
type change interface {
	// apply makes it and returns the proof. On error nothing of it stays.
	apply(ctx context.Context) (string, error)
	// check asks the server whether it still holds.
	check(ctx context.Context) error
	// clear ends it and proves that. It works on a change that this process did not apply, and twice.
	clear(ctx context.Context) error
}

// newChange checks what a change needs to know and fills in what can be left out.
func newChange(id string, op chaos.Op) (change, error) {
	if op.Verb != chaos.VerbState && op.Verb != chaos.VerbReplay || op.State == nil {
		return nil, fmt.Errorf("state: operation %q changes no state", op.Verb)
	}
	s, err := complete(*op.State)
	if err != nil {
		return nil, fmt.Errorf("state: %s of %s: %w", op.State.Kind, op.State.Server, err)
	}
	switch s.Kind {
	case flushKind:
		return &flush{s}, nil
	case poisonKind:
		return &poison{id: id, s: s}, nil
	case exhaustKind:
		return newExhaust(id, s), nil
	case lockKind:
		return &lock{id: id, s: s}, nil
	}
	return &slowReplay{id: id, s: s, replayer: replayer{"/proc"}}, nil
}

// Apply makes the change and returns what the server said of it. A change that id made before is ended first.
func (w *Worker) Apply(ctx context.Context, id string, op chaos.Op) (string, error) {
	c, err := newChange(id, op)
	if err != nil {
		return "", err
	}
	if old := w.held[id]; old != nil {
		if err := old.clear(ctx); err != nil {
			return "", err
		}
		delete(w.held, id)
	}
	proof, err := c.apply(ctx)
	if err != nil {
		return "", fmt.Errorf("state: %w", err)
	}
	w.held[id] = c
	return proof, nil
}

// Check asks the server whether the change still holds; if it does not, the error wraps chaos.ErrEndedEarly. A flush and poison
// are over when they are done: they always hold.
func (w *Worker) Check(ctx context.Context, id string) error {
	c := w.held[id]
	if c == nil {
		return fmt.Errorf("state: %w: this agent does not hold %s", chaos.ErrEndedEarly, id)
	}
	if err := c.check(ctx); err != nil {
		return fmt.Errorf("state: %w: %w", chaos.ErrEndedEarly, err)
	}
	return nil
}

// Clear ends the change and proves it with a new connection; if that fails, the error wraps chaos.ErrStillDisturbed. A server that
// does not listen any more holds nothing, because no change is kept on disk.
func (w *Worker) Clear(ctx context.Context, id string, op chaos.Op) error {
	c := w.held[id]
	if c == nil {
		var err error
		if c, err = newChange(id, op); err != nil {
			return err
		}
	}
	if err := c.clear(ctx); err != nil {
		return fmt.Errorf("state: %w: %w", chaos.ErrStillDisturbed, err)
	}
	delete(w.held, id)
	return nil
}

// Close ends all changes within 5 s.
func (w *Worker) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), closeLimit)
	defer cancel()
	var errs []error
	for _, id := range slices.Sorted(maps.Keys(w.held)) {
		errs = append(errs, w.Clear(ctx, id, chaos.Op{}))
	}
	return errors.Join(errs...)
}

// final marks an error that asking again will not change.
type final struct{ error }

func (f final) Unwrap() error { return f.error }

// patient asks again, for up to 10 s, as long as an answer takes too long: a busy server is not one that says no.
func patient(ctx context.Context, ask func(ctx context.Context) error) error {
	return until(ctx, proveLimit, func(ctx context.Context) error {
		err := ask(ctx)
		var slow interface{ Timeout() bool }
		if err == nil || errors.As(err, &slow) && slow.Timeout() || errors.Is(err, context.DeadlineExceeded) {
			return err
		}
		return final{err}
	})
}

// until asks again and again until the answer is nil or final, or limit or ctx ends, and returns the last answer.
func until(ctx context.Context, limit time.Duration, ask func(ctx context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		err := ask(ctx)
		var end final
		if err == nil || errors.As(err, &end) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-tick.C:
		}
	}
}
