package chaos

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
)

const (
	undoTimeout = 30 * time.Second // for one undo, cancelled or not
	undoTries   = 3                // engines drop calls now and then; a fault must not outlive one lost call
	undoPause   = 250 * time.Millisecond
)

// disturb acts on all targets side by side. If one fails, those that may have been disturbed are restored.
func disturb(ctx context.Context, rt Runtime, on []Container, act func(context.Context, Container) (Effect, error)) (Effect, Heal, error) {
	effects, errs := make([]Effect, len(on)), make([]error, len(on))
	var wg sync.WaitGroup
	for i, c := range on {
		wg.Go(func() { effects[i], errs[i] = act(ctx, c) })
	}
	wg.Wait()
	if err := named(on, errs); err != nil {
		return Effect{}, nil, errors.Join(err, undoPart(ctx, rt, on, errs))
	}
	return merge(effects), func(ctx context.Context) error { return restore(ctx, rt, on) }, nil
}

// named joins the errors, each with the name of its container.
func named(on []Container, errs []error) error {
	var out []error
	for i, err := range errs {
		if err != nil {
			out = append(out, fmt.Errorf("%s: %w", on[i].Name, err))
		}
	}
	return errors.Join(out...)
}

// undoPart restores the targets that a failed injection may have touched, even if ctx is over.
func undoPart(ctx context.Context, rt Runtime, on []Container, errs []error) error {
	var touched []Container
	for i, c := range on {
		if err := errs[i]; !errors.Is(err, ErrGone) && !errors.Is(err, ErrRefused) && !errors.Is(err, ErrWrongState) {
			touched = append(touched, c)
		}
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoTimeout)
	defer cancel()
	return restore(ctx, rt, touched)
}

// restore makes containers run again. A container that is gone counts as restored; any other failure is ErrStillDisturbed.
func restore(ctx context.Context, rt Runtime, on []Container) error {
	errs := make([]error, len(on))
	var wg sync.WaitGroup
	for i, c := range on {
		wg.Go(func() {
			if err := restoreOne(ctx, rt, c.ID); err != nil && !errors.Is(err, ErrGone) {
				errs[i] = fmt.Errorf("%w: %w", ErrStillDisturbed, err)
			}
		})
	}
	wg.Wait()
	return named(on, errs)
}

// restoreOne tries a few times. ErrGone and ErrRefused are final.
func restoreOne(ctx context.Context, rt Runtime, id string) error {
	for try := 1; ; try++ {
		_, err := rt.SetState(ctx, id, Running)
		if err == nil || errors.Is(err, ErrGone) || errors.Is(err, ErrRefused) || try == undoTries {
			return err
		}
		if sleep(ctx, time.Duration(try)*undoPause) != nil {
			return err
		}
	}
}

// merge is the effect on a group: it began when its first member felt it. With members at t±u, the first one lies
// between min(t-u) and min(t+u). Without proof for every member there is no proof for the group.
func merge(effects []Effect) Effect {
	var lo, hi time.Time
	var proofs []string
	for _, e := range effects {
		if e.Began.IsZero() || e.Proof == "" {
			return Effect{}
		}
		lo, hi = earlier(lo, e.Began.Add(-e.Uncertainty)), earlier(hi, e.Began.Add(e.Uncertainty))
		proofs = append(proofs, e.Proof)
	}
	if len(effects) == 0 {
		return Effect{}
	}
	half := hi.Sub(lo) / 2
	return Effect{Began: lo.Add(half), Uncertainty: half, Proof: strings.Join(proofs, "; ")}
}

// earlier is the earlier of two times; a zero time is none.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || b.Before(a) {
		return b
	}
	return a
}

// sleep waits for d or for the end of ctx, and then returns its error.
func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
