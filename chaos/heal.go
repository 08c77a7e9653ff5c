package chaos

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// settleLook is how often HealAll looks whether an unfinished injection took effect.
const settleLook = 50 * time.Millisecond

// Report is what HealAll found and did, by names of containers, sorted.
type Report struct {
	Undone   []string // were disturbed, healed now
	Fine     []string // were in the undo log but not disturbed any more
	Gone     []string // were removed, which counts as healed
	Failed   []string // may still be disturbed
	Warnings []error  // what could not be read
}

// String is the report in one line.
func (r Report) String() string {
	var words []string
	for _, p := range []struct {
		what  string
		names []string
	}{{"healed", r.Undone}, {"ran already", r.Fine}, {"gone", r.Gone}, {"STILL DISTURBED", r.Failed}} {
		if len(p.names) > 0 {
			words = append(words, p.what+": "+strings.Join(p.names, ", "))
		}
	}
	for _, w := range r.Warnings {
		words = append(words, "warning: "+w.Error())
	}
	if len(words) == 0 {
		return "nothing to heal"
	}
	return strings.Join(words, "; ")
}

// HealAll ends every agent in the runtime's scope, undoes everything that the undo logs say was done, and resumes every
// paused container, whether it is in a log or not. Give it the logs of the runtime's own project. It is safe at any time:
// twice, with nothing to do, beside a live run (which then says that its fault ended early).
//
// The error is ErrStillDisturbed if an undo failed; then the entry stays open, and HealAll can be asked again.
func HealAll(ctx context.Context, rt Runtime, journals ...*Journal) (Report, error) {
	h := healer{rt: bare(rt)}
	if err := h.look(ctx); err != nil {
		return Report{}, err
	}
	var errs []error
	journals = slices.DeleteFunc(slices.Clone(journals), func(j *Journal) bool { return j == nil })
	for _, j := range journals {
		errs = append(errs, h.announce(j))
	}
	errs = append(errs, h.sweep(ctx))
	for _, j := range journals {
		errs = append(errs, h.log(ctx, j))
	}
	errs = append(errs, h.strays(ctx))
	h.report.sort()
	return h.report, errors.Join(errs...)
}

// HealIntents undoes these entries, the latest first, and ends every agent in the runtime's scope.
func HealIntents(ctx context.Context, rt Runtime, open []Intent) (Report, error) {
	h := healer{rt: bare(rt)}
	errs := []error{h.look(ctx)}
	if errs[0] != nil {
		return Report{}, errs[0]
	}
	errs = append(errs, h.sweep(ctx))
	for _, wave := range waves(open) {
		errs = append(errs, h.wave(ctx, wave, func(Intent) error { return nil }))
	}
	h.report.sort()
	return h.report, errors.Join(errs...)
}

// healer is one call of HealAll.
type healer struct {
	rt     Runtime
	mu     sync.Mutex
	now    map[string]Container // by id, as first listed
	swept  []string             // names of containers whose agents were ended
	report Report
}

// look asks for the present states.
func (h *healer) look(ctx context.Context) error {
	all, err := h.rt.List(ctx)
	if err != nil {
		return fmt.Errorf("heal: %w", err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now = make(map[string]Container, len(all))
	for _, c := range all {
		h.now[c.ID] = c
	}
	return nil
}

func (h *healer) state(id string) State {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.now[id].State
}

// announce tells a live process that its faults end now, so that it does not apply them again.
func (h *healer) announce(j *Journal) error {
	mark, err := j.mayMark()
	if err != nil || mark {
		return err
	}
	open, _, err := j.Open()
	for _, in := range open {
		err = errors.Join(err, j.healed(in.ID))
	}
	return err
}

// sweep ends all agents: what they held ends with them.
func (h *healer) sweep(ctx context.Context) error {
	s, ok := h.rt.(Sweeper)
	if !ok {
		return nil
	}
	swept, err := s.Sweep(ctx)
	h.swept = swept
	if err != nil {
		return fmt.Errorf("%w: ending agents: %w", ErrStillDisturbed, err)
	}
	return nil
}

// settle waits for an injection that its process may have died in: the engine can still be about to act on it. Once no target
// runs any more, or the time in which that can happen is over, there is nothing to wait for.
func (h *healer) settle(ctx context.Context, in Intent) error {
	if !slices.ContainsFunc(in.Actions, func(a Action) bool { return takesDown(a.Do.Verb) }) {
		return nil
	}
	left := min(in.Settle-time.Since(in.At), in.Settle) // never longer, also if the wall clock was set back
	for deadline := time.Now().Add(left); time.Now().Before(deadline) && h.anyRuns(in.Targets()); {
		if err := sleep(ctx, settleLook); err != nil {
			return fmt.Errorf("heal: %w", err)
		}
		if err := h.look(ctx); err != nil {
			return err
		}
	}
	return nil
}

// takesDown says whether a container does not run after the verb.
func takesDown(v Verb) bool {
	return v == VerbKill || v == VerbPause || v == VerbStop || v == VerbRemove || v == VerbCrash || v == VerbRestart
}

func (h *healer) anyRuns(on []Target) bool {
	return slices.ContainsFunc(on, func(t Target) bool { return h.state(t.ID) == Running })
}

// log undoes what is open in one undo log.
func (h *healer) log(ctx context.Context, j *Journal) error {
	open, unreadable, err := j.Open()
	if err != nil {
		return err
	}
	if unreadable > 0 {
		h.report.Warnings = append(h.report.Warnings, fmt.Errorf("%s: %d unreadable lines", j.path, unreadable))
	}
	mark, err := j.mayMark()
	if err != nil {
		return err
	}
	done := func(in Intent) error {
		if mark {
			return j.Done(in.ID)
		}
		return nil
	}
	var errs []error
	for _, wave := range waves(open) {
		errs = append(errs, h.wave(ctx, wave, done))
	}
	return errors.Join(errs...)
}

// waves groups the entries so that those on one container are undone one after the other, the latest first, and those that
// share none side by side.
func waves(open []Intent) [][]Intent {
	depth := map[string]int{}
	var out [][]Intent
	for _, in := range slices.Backward(open) {
		at := 0
		for _, t := range in.Targets() {
			at = max(at, depth[t.Name])
		}
		for _, t := range in.Targets() {
			depth[t.Name] = at + 1
		}
		if at == len(out) {
			out = append(out, nil)
		}
		out[at] = append(out[at], in)
	}
	return out
}

// wave undoes entries side by side.
func (h *healer) wave(ctx context.Context, wave []Intent, done func(Intent) error) error {
	errs := make([]error, len(wave))
	var wg sync.WaitGroup
	for i, in := range wave {
		wg.Go(func() {
			if errs[i] = h.settle(ctx, in); errs[i] == nil {
				errs[i] = h.undo(ctx, in.ID, in.Actions)
			}
			if errs[i] == nil {
				errs[i] = done(in)
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// strays resumes containers that are paused without an entry: frozen by a Gauntlet whose log was lost, or by hand.
func (h *healer) strays(ctx context.Context) error {
	if err := h.look(ctx); err != nil {
		return err
	}
	var on []Action
	for _, c := range h.now {
		if c.State == Paused && !slices.Contains(h.report.Failed, c.Name) {
			on = append(on, Action{Target: Target{ID: c.ID, Name: c.Name}, Undo: []Op{start}})
		}
	}
	return h.undo(ctx, "", on)
}

// undo takes actions back, side by side. A target that is missing from the list is asked for by its id: only the runtime
// can tell "gone" from "not in this project".
func (h *healer) undo(ctx context.Context, id string, on []Action) error {
	errs := make([]error, len(on))
	var wg sync.WaitGroup
	on = slices.DeleteFunc(slices.Clone(on), func(a Action) bool { return a.Do.Verb == VerbSpike }) // ended with its process
	for i, a := range on {
		wg.Go(func() { errs[i] = undoOne(ctx, h.rt, id, a) })
	}
	wg.Wait()
	var failed []error
	for i, a := range on {
		if err := h.note(a, errs[i]); err != nil {
			failed = append(failed, err)
		}
	}
	return errors.Join(failed...)
}

// note books the outcome of one undo.
func (h *healer) note(a Action, err error) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	name := a.Target.Name
	switch {
	case errors.Is(err, ErrGone):
		h.report.Gone = append(h.report.Gone, name)
	case err != nil:
		h.report.Failed = append(h.report.Failed, name)
		return fmt.Errorf("%s: %w: %w", name, ErrStillDisturbed, err)
	case h.wasFine(a):
		h.report.Fine = append(h.report.Fine, name)
	default:
		h.report.Undone = append(h.report.Undone, name)
	}
	return nil
}

// wasFine says whether there was nothing to undo: no agent was in the container, or it was as the undo leaves it.
func (h *healer) wasFine(a Action) bool {
	c, listed := h.now[a.Target.ID]
	switch v := a.Do.Verb; {
	case v.ByAgent():
		return !slices.Contains(h.swept, a.Target.Name)
	case v == VerbQuota:
		return listed && len(a.Undo) > 0 && c.Quota == a.Undo[0].CPUs
	case v == VerbRemove:
		return slices.ContainsFunc(slices.Collect(maps.Values(h.now)), func(c Container) bool { return c.Name == a.Target.Name && c.State == Running })
	}
	return c.State == Running
}

// sort brings each list into order, without doubles; what was undone is not also listed as fine already.
func (r *Report) sort() {
	r.Fine = slices.DeleteFunc(r.Fine, func(name string) bool { return slices.Contains(r.Undone, name) || slices.Contains(r.Failed, name) })
	for _, list := range []*[]string{&r.Undone, &r.Fine, &r.Gone, &r.Failed} {
		slices.Sort(*list)
		*list = slices.Compact(*list)
	}
}
