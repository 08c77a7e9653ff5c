package run

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"gauntlet/chaos"
	"gauntlet/chaos/docker"
	"gauntlet/experiments/history"
	"gauntlet/experiments/probe"
	"gauntlet/experiments/register"
	"gauntlet/loadgen"
)

// leadTime is from planning the load to its first due time, so that no request is late from the start.
const leadTime = 200 * time.Millisecond

// readBackWait is how long the database nodes may take, after the load has ended, to agree on what was written. An old
// primary that has to rejoin may need a rewind.
const readBackWait = 30 * time.Second

// observe runs probes and engine events beside the phases and returns how many requests of each op were planned.
func (r *runner) observe(ctx context.Context, rec *recorder) (map[string]uint64, error) {
	watch := watchOf(r.topology, r.on)
	rt, err := r.runtime(ctx)
	if err != nil {
		return nil, err
	}
	defer rt.Close()
	mon, err := r.monitorOf(rec)
	if err != nil {
		return nil, err
	}
	watchCtx, stop := context.WithCancel(context.WithoutCancel(ctx))
	var beside errgroup.Group
	if mon != nil {
		beside.Go(func() error { return mon.run(watchCtx, rec) })
	}
	beside.Go(func() error {
		return watch.Run(watchCtx, r.origin, probe.Sink{Point: rec.point, Change: rec.Change})
	})
	beside.Go(func() error { return r.events(watchCtx, rt, rec) })
	beside.Go(func() error { r.usage(watchCtx, rec); return nil })
	planned, err := r.phasesWithRoles(ctx, rec, watch, rt)
	if err == nil {
		r.readBack(ctx, rec, watch)
	}
	rec.phase("down")
	stop()
	return planned, errors.Join(err, beside.Wait())
}

// phasesWithRoles runs the phases on containers whose live roles are known.
func (r *runner) phasesWithRoles(ctx context.Context, rec *recorder, watch probe.Watch, rt *docker.Runtime) (map[string]uint64, error) {
	who, err := r.liveRoles(watch, rt)
	if err != nil {
		r.explain(ctx, rec, err)
		return nil, err
	}
	return r.phases(ctx, rec, watch, chaos.WithRoles(rt, who))
}

// events records what the engine reports. A stream that breaks is noted: what happened unseen can't be explained.
func (r *runner) events(ctx context.Context, rt *docker.Runtime, rec *recorder) error {
	if err := rt.Events(ctx, rec.engine); err != nil {
		rec.note(history.NoteError, "engine events were lost: "+err.Error())
	}
	return nil
}

// phases prepares and then runs load and faults side by side until the load has ended and all is healed.
func (r *runner) phases(ctx context.Context, rec *recorder, watch probe.Watch, live chaos.Runtime) (map[string]uint64, error) {
	if err := r.prepare(ctx, watch); err != nil {
		r.explain(ctx, rec, err)
		return nil, err
	}
	live = loadRuntime{live, r.exp.Load.Rate}
	if err := r.arm(ctx, live); err != nil {
		r.explain(ctx, rec, err)
		return nil, err
	}
	sessions, err := loadgen.Login(ctx, r.exp.Load, r.base)
	if err != nil {
		r.explain(ctx, rec, err)
		return nil, err
	}
	journal, err := chaos.OpenJournal(r.opt.State, r.project)
	if err != nil {
		return nil, err
	}
	defer journal.Close()
	var planned map[string]uint64
	err = r.guarded(ctx, rec, live, journal, func() error {
		planned, err = r.race(ctx, rec, live, journal, sessions)
		return err
	})
	if err != nil || ctx.Err() != nil {
		r.explain(ctx, rec, err)
		return planned, errors.Join(err, context.Cause(ctx))
	}
	return planned, nil
}

// race runs load, faults, abort conditions and the clock side by side.
func (r *runner) race(ctx context.Context, rec *recorder, live chaos.Runtime, journal *chaos.Journal, sessions loadgen.Sessions) (map[string]uint64, error) {
	defer goAhead()()
	defer loadgen.CollectLess()()
	begin := rec.now() + leadTime
	loadCtx, stopLoad := context.WithCancelCause(ctx)
	defer stopLoad(nil)
	var planned map[string]uint64
	var all errgroup.Group
	loaded, ended := context.WithDeadline(ctx, r.origin.Add(begin+r.exp.Length()))
	defer ended()
	all.Go(func() error { watchStalls(loaded, rec); return nil })
	all.Go(func() error { return r.registers(loaded, rec) })
	all.Go(func() error {
		defer ended()
		var err error
		planned, err = r.load(loadCtx, rec, sessions, begin)
		return err
	})
	all.Go(func() error {
		err := r.faults(loadCtx, rec, live, journal, begin)
		if err != nil {
			stopLoad(err) // nothing more can be learnt
		}
		return err
	})
	all.Go(func() error { r.clock(loadCtx, rec, begin); return nil })
	all.Go(func() error { r.commands(loaded, rec, live, begin); return nil })
	all.Go(func() error { r.abort(loadCtx, rec, begin, stopLoad); return nil })
	err := all.Wait()
	if aborted := context.Cause(loadCtx); err == nil && errors.Is(aborted, errAborted) {
		rec.note(history.NoteAborted, aborted.Error())
	}
	return planned, err
}

// abort ends load and faults when a condition of the experiment comes true; it ends with the load.
func (r *runner) abort(ctx context.Context, rec *recorder, begin time.Duration, stop context.CancelCauseFunc) {
	ctx, cancel := context.WithDeadline(ctx, r.origin.Add(begin+r.exp.Length()))
	defer cancel()
	starts := r.starts(begin)
	if err := r.watchAborts(ctx, rec, starts[min(2, len(starts)-1)].At); err != nil {
		stop(err)
	}
}

// registers calls registers while the load lasts.
func (r *runner) registers(ctx context.Context, rec *recorder) error {
	if r.exp.Registers == nil {
		return nil
	}
	return register.Run(ctx, *r.exp.Registers, r.base, r.origin, rec.Writer.Register)
}

// watchStalls keeps when the machine paused while the load lasted, and notes if it was too busy.
func watchStalls(ctx context.Context, rec *recorder) {
	began := rec.now()
	s := probe.WatchStalls(ctx)
	for _, p := range s.Pauses {
		rec.pauses = append(rec.pauses, probe.Pause{From: began + p.From, To: began + p.To})
	}
	if s.Void() {
		rec.note(history.NoteStall, fmt.Sprintf("%s, at %.1f s", s, (began+s.At).Seconds()))
	}
}

// calmLimit is how long a machine that was busy with the start may take to calm down. Then the load begins all the same; the stall
// probe and the baseline show what that does.
const calmLimit = 30 * time.Second

// prepare waits until the topology is whole, so that the first fault meets what the experiment means, and the machine calm.
func (r *runner) prepare(ctx context.Context, watch probe.Watch) error {
	steady, cancel := context.WithTimeout(ctx, steadyLimit)
	defer cancel()
	if err := watch.AwaitSteady(steady); err != nil {
		return err
	}
	calm, cancel := context.WithTimeout(ctx, calmLimit)
	defer cancel()
	if last, err := probe.AwaitCalm(calm); err != nil && ctx.Err() == nil {
		r.say("this machine is still busy after %s (%s); the load begins all the same", calmLimit, last)
	}
	return ctx.Err()
}

// explain notes why a run ended before its time.
func (r *runner) explain(ctx context.Context, rec *recorder, err error) {
	switch {
	case errors.Is(err, chaos.ErrStillDisturbed):
		rec.note(history.NoteUndo, err.Error())
	case ctx.Err() != nil:
		rec.note(history.NoteInterrupted, fmt.Sprint(context.Cause(ctx)))
	case err != nil:
		rec.note(history.NoteAborted, err.Error())
	}
}

func (r *runner) load(ctx context.Context, rec *recorder, sessions loadgen.Sessions, begin time.Duration) (map[string]uint64, error) {
	if len(r.exp.Load.Clients) > 0 {
		return r.loadAway(ctx, rec, sessions, begin)
	}
	rep, err := loadgen.Run(ctx, r.exp.Schedule(), loadgen.Target{Base: r.base, Sessions: sessions, Origin: r.origin, Start: begin, Length: r.exp.Length()}, rec.sample)
	if errors.Is(err, context.Canceled) {
		err = nil
	}
	return rep.Planned, err
}

func (r *runner) faults(ctx context.Context, rec *recorder, live chaos.Runtime, j *chaos.Journal, begin time.Duration) error {
	start := r.origin.Add(begin + r.exp.Phases.Warm)
	err := chaos.Run(ctx, live, r.exp.Seed, start, r.exp.Steps, chaos.Options{Emit: rec.window, Journal: j, End: r.exp.FaultEnd()})
	if errors.Is(err, context.Canceled) && !errors.Is(err, chaos.ErrStillDisturbed) {
		return nil
	}
	return err
}

// clock marks the phases and shows the status each second until the load is over.
func (r *runner) clock(ctx context.Context, rec *recorder, begin time.Duration) {
	starts := r.starts(begin)
	end := begin + r.exp.Length()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		for len(starts) > 0 && rec.now() >= starts[0].At {
			rec.gauges.setPhase(starts[0].Name)
			rec.Phase(starts[0])
			starts = starts[1:]
		}
		next := end
		if len(starts) > 0 {
			next = starts[0].At
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			r.opt.Observer.Status(rec.gauges.take(rec.now(), end-rec.now()))
		case <-time.After(next - rec.now()):
			if rec.now() >= end {
				return
			}
		}
	}
}

// starts are the phases under load. Without steps there is no fault phase: all after the baseline is recovery.
func (r *runner) starts(begin time.Duration) []history.PhaseStart {
	p := r.exp.Phases
	warmEnd := begin + p.Warm
	out := []history.PhaseStart{{Name: "warm", At: begin}, {Name: "baseline", At: warmEnd}}
	if len(r.exp.Steps) > 0 {
		first := r.exp.Steps[0].At
		for _, s := range r.exp.Steps {
			first = min(first, s.At)
		}
		out = append(out, history.PhaseStart{Name: "fault", At: warmEnd + first})
	}
	return append(out, history.PhaseStart{Name: "recovery", At: warmEnd + r.exp.FaultEnd()})
}

// readBack asks every database node which writes it holds. Without nodes that can be asked, or writes to ask for, there is
// nothing to do.
func (r *runner) readBack(ctx context.Context, rec *recorder, watch probe.Watch) {
	ledger := slices.ContainsFunc(r.exp.Load.Ops, func(op loadgen.Op) bool { return op.Ledger })
	nodes := slices.ContainsFunc(watch.Endpoints, func(e probe.Endpoint) bool { return e.Kind == probe.Postgres })
	if !ledger || !nodes {
		return
	}
	rec.phase("readback")
	r.say("reading all writes back from every database node")
	for _, rb := range watch.ReadBack(ctx, r.origin, readBackWait) {
		rec.Read(history.ReadBack{
			Node: rb.Node, Shard: rb.Shard, Role: rb.Role, At: rb.At, CaughtUp: rb.CaughtUp, Err: rb.Err,
			Present: ranges(rb.Present), Duplicated: ranges(rb.Duplicated), Misplaced: ranges(rb.Misplaced),
		})
	}
	r.readJobs(ctx, rec, watch)
}

// jobsWait is how long jobs may take, after the load has ended, to have their effect: all tries of one that fails are over by then.
const jobsWait = 30 * time.Second

// readJobs asks the primary which writes' jobs had their effect, where the topology has a queue.
func (r *runner) readJobs(ctx context.Context, rec *recorder, watch probe.Watch) {
	if !slices.ContainsFunc(watch.Endpoints, func(e probe.Endpoint) bool { return e.Kind == probe.RabbitMQ }) {
		return
	}
	r.say("reading back which jobs had their effect")
	j := watch.Jobs(ctx, r.origin, jobsWait)
	rec.Jobs(history.Jobs{Node: j.Node, At: j.At, Done: ranges(j.Done), Doubled: ranges(j.Doubled), Redelivered: j.Redelivered, Err: j.Err})
}

func ranges(in [][2]uint64) []history.Range {
	out := make([]history.Range, len(in))
	for i, r := range in {
		out[i] = r
	}
	return out
}
