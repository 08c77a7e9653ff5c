package chaos

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// injectTimeout bounds one injection: the longest graceful stop (1 min) and an engine that is slow to answer.
const injectTimeout = 90 * time.Second

// Options are what Run can do without.
type Options struct {
	// Emit gets each window when it began and again when it was healed or failed, one call at a time.
	Emit func(Window)
	// Journal is the undo log. Without one, a crash of this process leaves its faults behind.
	Journal *Journal
	// End is when steps without a length end, counted like At, but not before the last step with a length ends.
	End time.Duration
}

// CheckSteps says what is wrong with a schedule before anything is touched; the errors wrap ErrBadStep or ErrBadSelector.
func CheckSteps(steps []Step) error {
	var errs []error
	for i, s := range steps {
		if err := s.Check(); err != nil {
			errs = append(errs, fmt.Errorf("step %d: %w", i+1, err))
		}
	}
	return errors.Join(errs...)
}

// Check says what is wrong with the step as written.
func (s Step) Check() error {
	if s.Fault == nil {
		return fmt.Errorf("%w: it has no fault", ErrBadStep)
	}
	if s.At < 0 || s.For < 0 || s.Ramp < 0 {
		return fmt.Errorf("%w: at %s for %s ramp %s: times can't be negative", ErrBadStep, s.At, s.For, s.Ramp)
	}
	if err := s.checkRamp(); err != nil {
		return err
	}
	if c, ok := s.Fault.(Checker); ok {
		if err := c.Check(); err != nil {
			return err
		}
	}
	if err := s.Guard.Check(); err != nil {
		return err
	}
	if targetless(s.Fault) {
		return nil
	}
	return s.On.Check()
}

func (s Step) checkRamp() error {
	if s.Ramp == 0 {
		return nil
	}
	if _, ok := s.Fault.(Scaler); !ok {
		return fmt.Errorf("%w: %s can't ramp: it is there or not", ErrBadStep, s.Fault.Kind())
	}
	if s.For > 0 && s.Ramp > s.For {
		return fmt.Errorf("%w: ramp %s is longer than the step (%s)", ErrBadStep, s.Ramp, s.For)
	}
	return nil
}

// Run carries out the schedule, which begins at start, and returns when all is healed. Steps may overlap; faults on one
// container compose if they are of different families, and network faults compose with each other, see Compose. A container
// that can't take another fault is not a target until it is healed. Targets are resolved at injection, with a generator
// drawn from seed and the step's index, in the order of the schedule.
//
// When ctx is over, or a step can't be done (no target, a guard, an injection that fails), all steps are healed at once and
// Run says why. An undo that fails is ErrStillDisturbed. A fault that took no visible hold, or ended by itself, is no error
// of Run: its window has no Began, or an Err.
func Run(ctx context.Context, rt Runtime, seed uint64, start time.Time, steps []Step, o Options) error {
	if err := CheckSteps(steps); err != nil {
		return err
	}
	stepCtx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	e := &engine{rt: rt, seed: seed, start: start, opts: o, end: lastEnd(steps, o.End), stop: stop, held: map[string][]Family{}}
	e.schedule(stepCtx, steps)
	e.wg.Wait()
	return errors.Join(errors.Join(e.errs...), ctx.Err())
}

// lastEnd is when steps without a length end.
func lastEnd(steps []Step, end time.Duration) time.Duration {
	for _, s := range steps {
		if s.For > 0 {
			end = max(end, s.At+s.For)
		}
	}
	return end
}

// engine is one call of Run.
type engine struct {
	rt    Runtime
	seed  uint64
	start time.Time
	end   time.Duration
	opts  Options
	stop  context.CancelCauseFunc
	wg    sync.WaitGroup

	mu   sync.Mutex
	held map[string][]Family // by name: what disturbs a container
	errs []error

	emitting sync.Mutex
}

// active is a step that was begun.
type active struct {
	end  time.Duration
	done chan struct{} // closed when it is healed or given up
}

// schedule begins the steps in order. A step that starts when another ends waits for its healing.
func (e *engine) schedule(ctx context.Context, steps []Step) {
	order := make([]int, len(steps))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(steps[a].At, steps[b].At) })
	var begun []active
	for _, i := range order {
		s := steps[i]
		if sleep(ctx, time.Until(e.start.Add(s.At))) != nil {
			return
		}
		e.awaitEnded(begun, s.At)
		a := active{end: e.endOf(s), done: make(chan struct{})}
		if !e.begin(ctx, i, s, a) {
			return
		}
		begun = append(begun, a)
	}
}

func (e *engine) endOf(s Step) time.Duration {
	if s.For > 0 {
		return s.At + s.For
	}
	return max(e.end, s.At)
}

// awaitEnded waits for the steps that were to end by then.
func (e *engine) awaitEnded(begun []active, by time.Duration) {
	for _, a := range begun {
		if a.end <= by {
			<-a.done
		}
	}
}

// fail ends the schedule: all other steps are healed.
func (e *engine) fail(w Window, err error) {
	w.note(err)
	e.mu.Lock()
	e.errs = append(e.errs, err)
	e.mu.Unlock()
	e.emit(w) // first the cause, then the windows that it ends
	e.stop(err)
}

// note adds to the window's error text.
func (w *Window) note(err error) {
	if w.Err != "" {
		w.Err += "; "
	}
	w.Err += err.Error()
}

func (e *engine) emit(w Window) {
	e.emitting.Lock()
	defer e.emitting.Unlock()
	if e.opts.Emit != nil {
		w.Notes = slices.Clone(w.Notes)
		e.opts.Emit(w)
	}
}
