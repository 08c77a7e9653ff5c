package chaos

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
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
	if s.At < 0 || s.For < 0 {
		return fmt.Errorf("%w: at %s for %s: times can't be negative", ErrBadStep, s.At, s.For)
	}
	if c, ok := s.Fault.(Checker); ok {
		if err := c.Check(); err != nil {
			return err
		}
	}
	return s.On.Check()
}

// Run carries out the schedule, which begins at start, and returns when all is healed. Steps may overlap; a container that one
// step disturbs is not a target of another until it is healed. Targets are resolved at injection, with a generator drawn from
// seed and the step's index, in the order of the schedule.
//
// When ctx is over, or a step can't be done (no target, an injection that fails), all steps are healed at once and Run says
// why. An undo that fails is ErrStillDisturbed. A fault that took no visible hold, or ended by itself, is no error of Run: its
// window has no Began, or an Err.
func Run(ctx context.Context, rt Runtime, seed uint64, start time.Time, steps []Step, o Options) error {
	if err := CheckSteps(steps); err != nil {
		return err
	}
	stepCtx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	e := &engine{rt: rt, seed: seed, start: start, opts: o, end: lastEnd(steps, o.End), stop: stop, held: map[string]bool{}}
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
	held map[string]bool // names of containers that a step disturbs
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

// begin resolves the targets of a step and starts it. It reports whether the schedule can go on.
func (e *engine) begin(ctx context.Context, i int, s Step, a active) bool {
	if ctx.Err() != nil {
		return false
	}
	w := Window{Step: i, Fault: s.Fault.Kind(), Asked: time.Now()}
	on, err := e.resolve(ctx, i, s)
	if err != nil {
		e.fail(w, fmt.Errorf("step %d (%s): %w", i+1, w.Fault, err))
		return false
	}
	for _, c := range on {
		w.On = append(w.On, c.Name)
		w.Roles = append(w.Roles, c.Roles...)
	}
	slices.Sort(w.Roles)
	w.Roles = slices.Compact(w.Roles)
	e.wg.Go(func() {
		defer close(a.done)
		defer e.release(on)
		e.disturb(ctx, s, a, w, on)
	})
	return true
}

// resolve draws the targets and holds them.
func (e *engine) resolve(ctx context.Context, i int, s Step) ([]Container, error) {
	all, err := e.rt.List(ctx)
	if err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	on := s.On
	on.Exclude = slices.Clone(on.Exclude)
	for _, c := range all {
		if e.held[c.Name] {
			on.Exclude = append(on.Exclude, c.Name)
		}
	}
	targets, err := on.Resolve(all, rand.New(rand.NewPCG(e.seed, uint64(i))))
	for _, c := range targets {
		e.held[c.Name] = true
	}
	return targets, err
}

func (e *engine) release(on []Container) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, c := range on {
		delete(e.held, c.Name)
	}
}

// disturb is the life of one step: undo log, injection, wait, undo, undo log.
func (e *engine) disturb(ctx context.Context, s Step, a active, w Window, on []Container) {
	id, err := e.opts.Journal.Begin(s.Fault, on)
	if err != nil {
		e.fail(w, err)
		return
	}
	heal, err := e.inject(ctx, s, &w, on)
	if err != nil {
		e.injectFailed(w, id, err)
		return
	}
	e.emit(w)
	cut := sleep(ctx, time.Until(e.start.Add(a.end))) != nil
	if !cut {
		e.checkHeld(ctx, s, &w, on)
	}
	e.heal(ctx, w, id, heal)
}

// inject is not cut short when ctx is over: an engine call that was abandoned half-way could take effect after its undo.
func (e *engine) inject(ctx context.Context, s Step, w *Window, on []Container) (Heal, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), injectTimeout)
	defer cancel()
	w.Asked = time.Now()
	eff, heal, err := s.Fault.Inject(ctx, e.rt, on)
	if err != nil {
		return nil, fmt.Errorf("step %d (%s): %w", w.Step+1, w.Fault, err)
	}
	if eff.Proof == "" || eff.Began.IsZero() {
		w.Err = "no effect was seen"
	} else {
		w.Began, w.Uncertainty, w.Proof = eff.Began, eff.Uncertainty, eff.Proof
	}
	return heal, nil
}

// injectFailed closes the undo log's entry, unless the fault could not undo its part.
func (e *engine) injectFailed(w Window, id string, err error) {
	if !errors.Is(err, ErrStillDisturbed) {
		err = errors.Join(err, e.opts.Journal.Done(id))
	}
	e.fail(w, err)
}

// checkHeld notes targets whose fault was over before the step was.
func (e *engine) checkHeld(ctx context.Context, s Step, w *Window, on []Container) {
	h, ok := s.Fault.(Holder)
	if !ok {
		return
	}
	all, err := bare(e.rt).List(ctx)
	if err != nil {
		w.note(fmt.Errorf("at the end of the step: %w", err))
		return
	}
	for _, c := range on {
		i := slices.IndexFunc(all, func(now Container) bool { return now.ID == c.ID })
		if i < 0 {
			w.note(fmt.Errorf("%w: %s was removed", ErrEndedEarly, c.Name))
		} else if !h.Holds(all[i]) {
			w.note(fmt.Errorf("%w: %s is %s: something else healed it", ErrEndedEarly, c.Name, all[i].State))
		}
	}
}

// note adds to the window's error text.
func (w *Window) note(err error) {
	if w.Err != "" {
		w.Err += "; "
	}
	w.Err += err.Error()
}

// heal undoes the step even if ctx is over.
func (e *engine) heal(ctx context.Context, w Window, id string, heal Heal) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoTimeout)
	defer cancel()
	w.HealAsked = time.Now()
	if err := heal(ctx); err != nil {
		if !errors.Is(err, ErrStillDisturbed) {
			err = fmt.Errorf("%w: %w", ErrStillDisturbed, err)
		}
		e.fail(w, fmt.Errorf("step %d (%s): %w", w.Step+1, w.Fault, err))
		return
	}
	w.Healed = time.Now()
	if err := e.opts.Journal.Done(id); err != nil {
		e.fail(w, err)
		return
	}
	e.emit(w)
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

func (e *engine) emit(w Window) {
	e.emitting.Lock()
	defer e.emitting.Unlock()
	if e.opts.Emit != nil {
		e.opts.Emit(w)
	}
}
