package chaos

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// settleLook is how often HealAll looks whether an unfinished injection took effect.
const settleLook = 50 * time.Millisecond

// Report is what HealAll found and did, by names of containers, sorted.
type Report struct {
	Undone   []string // were disturbed, run again now
	Fine     []string // were in the undo log but ran already
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

// HealAll makes everything run again that the undo logs say was disturbed, and every paused container in the runtime's scope,
// whether it is in a log or not. Give it the logs of the runtime's own project. It is safe at any time: twice, with nothing
// to do, beside a live run (which then says that its fault ended early).
//
// The error is ErrStillDisturbed if an undo failed; then the entry stays open, and HealAll can be asked again.
func HealAll(ctx context.Context, rt Runtime, journals ...*Journal) (Report, error) {
	h := healer{rt: bare(rt)}
	if err := h.look(ctx); err != nil {
		return Report{}, err
	}
	var errs []error
	for _, j := range slices.DeleteFunc(slices.Clone(journals), func(j *Journal) bool { return j == nil }) {
		errs = append(errs, h.log(ctx, j))
	}
	errs = append(errs, h.strays(ctx))
	h.report.sort()
	return h.report, errors.Join(errs...)
}

// healer is one call of HealAll.
type healer struct {
	rt     Runtime
	now    map[string]Container // by id; updated as containers are healed
	report Report
}

// look asks for the present states.
func (h *healer) look(ctx context.Context) error {
	all, err := h.rt.List(ctx)
	if err != nil {
		return fmt.Errorf("heal: %w", err)
	}
	h.now = make(map[string]Container, len(all))
	for _, c := range all {
		h.now[c.ID] = c
	}
	return nil
}

// settle waits for an injection that its process may have died in: the engine can still be about to act on it. Once no target
// runs any more, or the time in which that can happen is over, there is nothing to wait for.
func (h *healer) settle(ctx context.Context, in Intent) error {
	left := min(in.Settle-time.Since(in.At), in.Settle) // never longer, also if the wall clock was set back
	for deadline := time.Now().Add(left); time.Now().Before(deadline) && h.anyRuns(in.Targets); {
		if err := sleep(ctx, settleLook); err != nil {
			return fmt.Errorf("heal: %w", err)
		}
		if err := h.look(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (h *healer) anyRuns(on []Target) bool {
	return slices.ContainsFunc(on, func(t Target) bool { return h.now[t.ID].State == Running })
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
	var errs []error
	for _, in := range slices.Backward(open) { // the latest first: undo in the reverse order
		err := h.settle(ctx, in)
		if err == nil {
			err = h.undo(ctx, in.Targets)
		}
		if err == nil && mark {
			err = j.Done(in.ID)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// strays resumes containers that are paused without an entry: frozen by a Gauntlet whose log was lost, or by hand.
func (h *healer) strays(ctx context.Context) error {
	var on []Target
	for _, c := range h.now {
		if c.State == Paused && !slices.Contains(h.report.Failed, c.Name) {
			on = append(on, Target{ID: c.ID, Name: c.Name})
		}
	}
	return h.undo(ctx, on)
}

// undo makes the targets run, side by side. A target that is missing from the list is asked for by its id: only the runtime
// can tell "gone" from "not in this project".
func (h *healer) undo(ctx context.Context, on []Target) error {
	errs := make([]error, len(on))
	var wg sync.WaitGroup
	for i, t := range on {
		if h.now[t.ID].State != Running {
			wg.Go(func() { errs[i] = restoreOne(ctx, h.rt, t.ID) })
		}
	}
	wg.Wait()
	var failed []error
	for i, t := range on {
		if err := h.note(t, errs[i]); err != nil {
			failed = append(failed, err)
		}
	}
	return errors.Join(failed...)
}

// note books the outcome of one undo.
func (h *healer) note(t Target, err error) error {
	c := h.now[t.ID]
	switch {
	case errors.Is(err, ErrGone):
		h.report.Gone = append(h.report.Gone, t.Name)
	case err != nil:
		h.report.Failed = append(h.report.Failed, t.Name)
		return fmt.Errorf("%s: %w: %w", t.Name, ErrStillDisturbed, err)
	case c.State == Running:
		h.report.Fine = append(h.report.Fine, t.Name)
	default:
		h.report.Undone = append(h.report.Undone, t.Name)
		c.State = Running
		h.now[t.ID] = c
	}
	return nil
}

// sort brings each list into order, without doubles; what was undone is not also listed as running already.
func (r *Report) sort() {
	r.Fine = slices.DeleteFunc(r.Fine, func(name string) bool { return slices.Contains(r.Undone, name) || slices.Contains(r.Failed, name) })
	for _, list := range []*[]string{&r.Undone, &r.Fine, &r.Gone, &r.Failed} {
		slices.Sort(*list)
		*list = slices.Compact(*list)
	}
}
