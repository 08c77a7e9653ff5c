package run

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"gauntlet/chaos"
	"gauntlet/compose"
	"gauntlet/experiments/history"
	"gauntlet/experiments/probe"
	"gauntlet/experiments/spec"
	"gauntlet/loadgen"
)

// header is all that is known before the load begins.
func header(e spec.Experiment, t compose.Topology, eng *compose.Engine, on []compose.Container, origin time.Time, opt Options) history.Header {
	h := history.Header{
		Version: history.Version, Experiment: e.Name, Topology: e.Topology, Source: e.Source, Origin: origin.UTC().Round(0),
		Seed: e.Seed, Rate: e.Load.Rate, Timeout: e.Load.Timeout, Limit: e.Load.Limit,
		Roles: t.Roles, Sync: t.Sync, Machine: machine(eng, opt), Client: e.Load.Model(), Shards: map[string]string{},
	}
	h.Ops, h.Regions = opsOf(e.Load)
	for _, c := range on {
		if c.Probe == "postgres" {
			h.Replicas = append(h.Replicas, c.Name)
			if c.Shard != "" {
				h.Shards[c.Name] = c.Shard
			}
		}
	}
	for _, c := range on {
		if c.State == string(chaos.Running) {
			h.Containers++
		}
	}
	slices.Sort(h.Replicas)
	if c := e.Registers; c != nil {
		h.Registers = &history.Registers{Processes: c.Processes, Keys: c.Keys, Rate: c.Rate, Sessions: c.API.Session != ""}
	}
	if files, rules, err := e.AlertRules(); err == nil && len(files) > 0 {
		h.Alerts = &history.AlertRules{Files: files, Scale: e.Scale, Scrape: rules.Scrape()}
	}
	return h
}

// fault converts a window to offsets from the origin.
func fault(w chaos.Window, origin time.Time) history.Fault {
	since := func(t time.Time) time.Duration {
		if t.IsZero() {
			return 0
		}
		return t.Sub(origin)
	}
	return history.Fault{
		Actions: w.Actions, Notes: w.Notes,
		Step: w.Step, Kind: w.Fault, On: w.On, Roles: w.Roles, Asked: since(w.Asked), Began: since(w.Began),
		Uncertainty: w.Uncertainty, Whole: since(w.Whole), HealAsked: since(w.HealAsked), Healed: since(w.Healed), Proof: w.Proof, Err: w.Err,
	}
}

// recorder hands what happens to the history and to the status display.
type recorder struct {
	*history.Writer
	origin time.Time
	limit  time.Duration
	gauges *gauges
	vigil  *vigil
	series *seriesOf // for the alert rules; nil: there are none
	say    func(string)

	pauses []probe.Pause // of this machine under the load; known when the load has ended
}

func (r *recorder) now() time.Duration { return time.Since(r.origin) }

func (r *recorder) phase(name string) {
	r.gauges.setPhase(name)
	r.Phase(history.PhaseStart{Name: name, At: r.now()})
}

func (r *recorder) note(kind, text string) {
	r.Note(history.Note{At: r.now(), Kind: kind, Text: text})
	if kind != history.NoteInfo {
		r.say(kind + ": " + text)
	}
}

func (r *recorder) sample(s loadgen.Sample) {
	r.gauges.sample(s, r.limit)
	r.vigil.sample(s)
	r.Sample(s)
}

func (r *recorder) point(p probe.Point) {
	r.gauges.point(p)
	if r.series != nil {
		r.series.point(p)
	}
	r.Point(p)
}

func (r *recorder) window(w chaos.Window) {
	r.gauges.window(w)
	r.Fault(fault(w, r.origin))
	r.say(sentence(w))
}

func (r *recorder) engine(e chaos.Event) {
	r.Engine(history.EngineEvent{Container: e.Container, Action: e.Action, At: e.At.Sub(r.origin), ExitCode: e.ExitCode, ScaledBy: e.ScaledBy})
}

// sentence says in words what became of a fault.
func sentence(w chaos.Window) string {
	what := fmt.Sprintf("%s %s", w.Fault, strings.Join(w.On, ", "))
	if len(w.Roles) > 0 {
		what += " (" + strings.Join(w.Roles, ", ") + ")"
	}
	switch {
	case w.Err != "":
		return what + ": " + w.Err
	case !w.Healed.IsZero():
		return strings.Join(append([]string{fmt.Sprintf("%s: healed after %.1f s", what, w.Healed.Sub(w.Began).Seconds())}, w.Notes...), "; ")
	default:
		return fmt.Sprintf("%s: %s, %.0f ms after it was asked", what, w.Proof, float64(w.Began.Sub(w.Asked).Microseconds())/1000)
	}
}
