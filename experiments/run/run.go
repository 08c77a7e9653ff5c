package run

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"gauntlet/chaos/docker"
	"gauntlet/compose"
	"gauntlet/experiments/history"
	"gauntlet/experiments/probe"
	"gauntlet/experiments/spec"
)

// Options are what a run needs beside the experiment.
type Options struct {
	Out      string   // folder of all runs, "runs" by default
	State    string   // folder of the undo logs
	Keep     bool     // leave the topology running
	PortBase int      // first host port to publish on; 0: the default
	With     []string // overlays of the topology
	Scale    float64  // divides the times of the overlay's alert rules; 0: as 1
	Version  string   // of Gauntlet, for the record
	Observer Observer
}

// ErrNotClean means that something is left: a container may still be disturbed, or the topology could not be taken down.
var ErrNotClean = errors.New("not clean")

// readyLimit bounds the wait for a topology that was just started. Patroni needs 15 to 20 s on an idle 2-core machine
// and about twice that on a busy one; the largest topology, 45 containers, was seen to need three minutes on a slow one.
const readyLimit = 5 * time.Minute

// steadyLimit bounds the wait for the database cluster to be whole before the load starts.
const steadyLimit = time.Minute

// Experiment runs e and returns the folder of its recording. The folder is "" if the run came to an end before there was
// anything to record. An error means that the run could not be carried out as planned, or that something is left behind;
// what was recorded until then is in the folder all the same.
func Experiment(ctx context.Context, e spec.Experiment, eng *compose.Engine, opt Options) (dir string, err error) {
	r := &runner{exp: e, engine: eng, opt: opt, origin: time.Now()}
	if err := r.up(ctx); err != nil {
		return "", errors.Join(err, r.down(ctx))
	}
	err = r.record(ctx)
	return r.dir, errors.Join(err, r.down(ctx))
}

// runner is one run under way.
type runner struct {
	exp      spec.Experiment
	topology compose.Topology
	engine   *compose.Engine
	opt      Options
	origin   time.Time
	project  string // Compose project
	stack    stack  // nil where there is nothing to take down
	on       []compose.Container
	base     string // URL of the entry
	dir      string
}

func (r *runner) say(format string, args ...any) { r.opt.Observer.Say(fmt.Sprintf(format, args...)) }

// stack is what was started for the run.
type stack interface {
	Down(ctx context.Context) error
}

// up builds and starts the topology, or finds the user's own system, and waits until it can serve.
func (r *runner) up(ctx context.Context) error {
	if r.exp.Attach != nil {
		return r.attach(ctx)
	}
	var err error
	if r.topology, err = compose.Lookup(r.exp.Topology); err != nil {
		return err
	}
	if r.topology, err = r.topology.With(r.opt.With...); err != nil {
		return err
	}
	r.opt.Scale = r.exp.Scale
	s, err := Up(ctx, r.engine, r.topology, r.opt)
	if s != nil {
		r.stack, r.project = s, s.Project
	}
	if err != nil {
		return err
	}
	if r.on, err = s.Inventory(ctx); err != nil {
		return err
	}
	r.base, err = entryURL(r.topology, r.on)
	return err
}

// Up builds what t needs, starts it and waits until it is ready. On error the stack is nil or has to be taken down.
func Up(ctx context.Context, eng *compose.Engine, t compose.Topology, opt Options) (*compose.Stack, error) {
	began := time.Now()
	if err := eng.Build(ctx, t, opt.Observer.Say); err != nil {
		return nil, err
	}
	beside, err := opt.options(t)
	if err != nil {
		return nil, err
	}
	opt.Observer.Say(strings.Join(append([]string{"starting topology " + t.Name}, t.Overlays...), " with "))
	stack, err := eng.Up(ctx, t, beside)
	if err != nil {
		return stack, err
	}
	ctx, cancel := context.WithTimeout(ctx, readyLimit)
	defer cancel()
	waiting := ""
	err = stack.WaitReady(ctx, func(ready, total int, on string) {
		if on != waiting && on != "" {
			waiting = on
			opt.Observer.Say(fmt.Sprintf("%d of %d ready, waiting for %s", ready, total, on))
		}
	})
	if err == nil {
		opt.Observer.Say(fmt.Sprintf("topology %s is ready after %.0f s", t.Name, time.Since(began).Seconds()))
	}
	return stack, err
}

// record opens the recording and takes the experiment through its phases under load.
func (r *runner) record(ctx context.Context) error {
	r.dir = filepath.Join(r.opt.Out, r.exp.Name, r.exp.Topology, r.origin.UTC().Format("20060102T150405Z"))
	w, err := history.Create(r.dir, header(r.exp, r.topology, r.engine, r.on, r.origin, r.opt))
	if err != nil {
		return fmt.Errorf("recording: %w", err)
	}
	rec := &recorder{Writer: w, origin: r.origin, limit: r.exp.Load.Limit, gauges: newGauges(), vigil: newVigil(r.exp.Load), say: r.opt.Observer.Say}
	r.say("recording into %s", r.dir)
	if err := os.WriteFile(filepath.Join(r.dir, "experiment.yaml"), []byte(r.exp.Source), 0o644); err != nil {
		return errors.Join(fmt.Errorf("recording: %w", err), w.Close(history.End{}))
	}
	rec.Phase(history.PhaseStart{Name: "up"})
	if over := r.topology.Overlays; len(over) > 0 {
		rec.note(history.NoteInfo, "with "+strings.Join(over, ", ")+" beside it, on the same processors")
	}
	planned, err := r.observe(ctx, rec)
	r.logs(ctx, rec)
	return errors.Join(err, w.Close(history.End{At: rec.now(), Planned: planned, Pauses: rec.pauses}))
}

// logs keeps what the containers printed, and the spans that are in it.
func (r *runner) logs(ctx context.Context, rec *recorder) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	s, ok := r.stack.(*compose.Stack)
	if !ok {
		return // the user's own containers: docker compose logs shows them
	}
	cut, err := s.Collect(ctx, r.dir)
	if err != nil {
		rec.note(history.NoteInfo, "container logs are incomplete: "+err.Error())
	}
	if len(cut) > 0 {
		rec.note(history.NoteInfo, fmt.Sprintf("of the logs of %s only the last %d lines are kept", strings.Join(cut, ", "), compose.LogLines))
	}
}

// down takes the topology down, also after a cancel. What it can't remove fails the run.
func (r *runner) down(ctx context.Context) error {
	if r.stack == nil {
		return nil
	}
	if r.opt.Keep {
		r.say("kept running: gauntlet ps shows it, gauntlet down %s takes it down", r.exp.Topology)
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Minute)
	defer cancel()
	r.say("taking topology %s down", r.exp.Topology)
	if err := r.stack.Down(ctx); err != nil {
		return fmt.Errorf("%w: %w", ErrNotClean, err)
	}
	return nil
}

// runtime is the fault injector's view of the topology.
func (r *runner) runtime(ctx context.Context) (*docker.Runtime, error) {
	return docker.New(ctx, RuntimeOptions(r.project, r.engine.AppImage()))
}

// RuntimeOptions are how this executable's own image does what the fault injector needs in containers.
func RuntimeOptions(project, image string) docker.Options {
	return docker.Options{
		Project: project, Image: image,
		HelperCommand: []string{"/gauntlet", "hostkill"}, AgentCommand: []string{"/gauntlet", "agent"},
	}
}

// watchOf describes the topology to the probes.
func watchOf(t compose.Topology, on []compose.Container) probe.Watch {
	w := probe.Watch{Sync: t.Sync}
	for _, c := range on {
		w.Endpoints = append(w.Endpoints, withLookups(probe.Endpoint{Name: c.Name, Kind: c.Probe, Tier: c.Tier, Region: c.Region, Shard: c.Shard, Ports: c.Ports}, c, on))
	}
	return w
}

// Roles are the live roles of a running topology, by container name.
func Roles(ctx context.Context, t compose.Topology, on []compose.Container) (map[string][]string, error) {
	return rolesOf(watchOf(t, on))(ctx)
}

// rolesOf turns the probes' answer, who has a role, into the injector's question, which roles has a container.
func rolesOf(watch probe.Watch) func(ctx context.Context) (map[string][]string, error) {
	return func(ctx context.Context) (map[string][]string, error) {
		byRole, err := watch.Roles(ctx)
		if err != nil {
			return nil, err
		}
		out := map[string][]string{}
		for role, names := range byRole {
			for _, name := range names {
				out[name] = append(out[name], role)
			}
		}
		for _, roles := range out {
			slices.Sort(roles)
		}
		return out, nil
	}
}
