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
	undoTimeout = 30 * time.Second // for one undo, cancelled or not, of a few targets
	undoEach    = 3 * time.Second  // more for each of them: a small machine starts one container in about a second
	undoTries   = 3                // engines drop calls now and then; a fault must not outlive one lost call
	undoPause   = 250 * time.Millisecond
)

// CarryOut does all actions side by side under one id, or, if serial, one after the other. If one fails, those that may have
// taken hold are undone, and the error says whether that worked.
func CarryOut(ctx context.Context, rt Runtime, id string, actions []Action, serial bool) (Effect, error) {
	effects, errs := make([]Effect, len(actions)), make([]error, len(actions))
	if serial {
		for i, a := range actions {
			if effects[i], errs[i] = rt.Do(ctx, a.Target, id, a.Do); errs[i] == nil && i+1 < len(actions) {
				errs[i] = sleep(ctx, a.Do.Pause)
			}
			if errs[i] != nil {
				actions = actions[:i+1]
				break
			}
		}
	} else {
		var wg sync.WaitGroup
		for i, a := range actions {
			wg.Go(func() { effects[i], errs[i] = rt.Do(ctx, a.Target, id, a.Do) })
		}
		wg.Wait()
	}
	if err := named(actions, errs); err != nil {
		return Effect{}, errors.Join(err, undoPart(ctx, rt, id, actions, errs))
	}
	return merge(effects), nil
}

// undoWithin bounds the undo of n actions.
func undoWithin(n int) time.Duration { return undoTimeout + time.Duration(n)*undoEach }

// Undo takes all actions back, side by side. A target that is gone counts as healed; any other failure is ErrStillDisturbed.
func Undo(ctx context.Context, rt Runtime, id string, actions []Action) error {
	errs := make([]error, len(actions))
	var wg sync.WaitGroup
	for i, a := range actions {
		wg.Go(func() {
			if err := undoOne(ctx, rt, id, a); err != nil && !errors.Is(err, ErrGone) {
				errs[i] = fmt.Errorf("%w: %w", ErrStillDisturbed, err)
			}
		})
	}
	wg.Wait()
	return named(actions, errs)
}

// undoOne does the undo's operations in their order, each a few times. ErrGone and ErrRefused are final.
func undoOne(ctx context.Context, rt Runtime, id string, a Action) error {
	for _, op := range a.Undo {
		if err := persist(ctx, func() error { _, err := rt.Do(ctx, a.Target, id, op); return err }); err != nil {
			return err
		}
	}
	return nil
}

// persist tries a few times.
func persist(ctx context.Context, try func() error) error {
	for n := 1; ; n++ {
		err := try()
		if err == nil || errors.Is(err, ErrGone) || errors.Is(err, ErrRefused) || n == undoTries {
			return err
		}
		if sleep(ctx, time.Duration(n)*undoPause) != nil {
			return err
		}
	}
}

// named joins the errors, each with the name of its container.
func named(on []Action, errs []error) error {
	var out []error
	for i, a := range on {
		if errs[i] != nil {
			out = append(out, fmt.Errorf("%s: %w", a.Target.Name, errs[i]))
		}
	}
	return errors.Join(out...)
}

// undoPart undoes what a failed injection may have done, even if ctx is over.
func undoPart(ctx context.Context, rt Runtime, id string, actions []Action, errs []error) error {
	var touched []Action
	for i, a := range actions {
		if err := errs[i]; !errors.Is(err, ErrGone) && !errors.Is(err, ErrRefused) && !errors.Is(err, ErrWrongState) {
			touched = append(touched, a)
		}
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoWithin(len(touched)))
	defer cancel()
	return Undo(ctx, rt, id, touched)
}

// merge is the effect on a group: it began when its first member felt it. With members at t±u, the first one lies
// between min(t-u) and min(t+u). It is whole when its last member felt it. Without proof for every member there is no proof for
// the group.
func merge(effects []Effect) Effect {
	var lo, hi, whole time.Time
	var proofs []string
	for _, e := range effects {
		if e.Began.IsZero() || e.Proof == "" {
			return Effect{}
		}
		lo, hi = earlier(lo, e.Began.Add(-e.Uncertainty)), earlier(hi, e.Began.Add(e.Uncertainty))
		if last := e.Began.Add(e.Uncertainty); last.After(whole) {
			whole = last
		}
		proofs = append(proofs, e.Proof)
	}
	if len(effects) == 0 {
		return Effect{}
	}
	half := hi.Sub(lo) / 2
	return Effect{Began: lo.Add(half), Uncertainty: half, Whole: whole, Proof: strings.Join(proofs, "; ")}
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
