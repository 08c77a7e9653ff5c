package score

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"gauntlet/chaos"
	"gauntlet/experiments/history"
	"gauntlet/experiments/probe"
	"gauntlet/experiments/spec"
)

// explainSlack is how far the engine's clock and reports may be off the fault that explains them.
const explainSlack = 2 * time.Second

// maxVoid is the share of the judged time, in [0,1], that may be void before the whole run is: above it the load was not the one
// that was planned. Below it what the void seconds hide is in the interval of each measure, and each goal is decided by its
// interval.
const maxVoid = probe.PauseLimit

// doubts are the reasons why nothing may be concluded: each makes the verdict unknown.
func doubts(e spec.Experiment, h *history.History, b *book, p points, l Load) []string {
	var out []string
	out = append(out, incomplete(h, b, p)...)
	out = append(out, generator(h, b, l)...)
	for _, f := range h.Faults {
		out = append(out, unproven(e, h, f)...)
	}
	if missing := len(e.Steps) - len(h.Faults); missing > 0 {
		out = append(out, fmt.Sprintf("%d of %d steps were never carried out", missing, len(e.Steps)))
	}
	for _, name := range p.answered {
		out = append(out, fmt.Sprintf("%s still answered while it was disturbed: the fault had no effect", name))
	}
	out = append(out, strangers(h)...)
	if p.silent && len(h.Header.Replicas) > 0 && b.span.length() > 0 {
		out = append(out, "no probe said how well it could see: nobody watched the database nodes")
	}
	if len(p.thin) > 0 {
		out = append(out, "probes with gaps, less than 90 % of their polls were answered: "+strings.Join(p.thin, ", "))
	}
	return out
}

// incomplete says what of the recording is missing.
func incomplete(h *history.History, b *book, p points) []string {
	var out []string
	if h.End == nil {
		out = append(out, "the recording has no end: Gauntlet was killed or crashed")
	}
	for _, n := range h.Notes {
		switch n.Kind {
		case history.NoteInterrupted, history.NoteAborted, history.NoteStall, history.NoteError:
			out = append(out, n.Kind+": "+n.Text)
		}
	}
	for _, err := range slices.Concat(h.Warnings, b.damage, p.damage) {
		out = append(out, err.Error())
	}
	if b.span.length() == 0 {
		out = append(out, "the run ended before there was anything to judge")
	}
	return out
}

// generator says whether the load was what was planned.
func generator(h *history.History, b *book, l Load) []string {
	var out []string
	if h.End != nil && l.Planned != l.Accounted {
		out = append(out, fmt.Sprintf("%d requests were planned, %d are accounted for", l.Planned, l.Accounted))
	}
	if judged := b.span.length().Seconds(); float64(l.VoidedSecs) > maxVoid*judged {
		out = append(out, fmt.Sprintf("the load generator was behind (send lag p99 over %s) or this machine paused (for over %s) in %d of %.0f judged seconds, more than %.0f %% of them", lagLimit, probe.StallLimit, l.VoidedSecs, judged, 100*maxVoid))
	}
	out = append(out, steadyUnknown(h, b)...)
	for _, op := range h.Header.Ops {
		if !slices.ContainsFunc(b.meters, func(m *meter) bool { return m.Name == op.Class && m.okBase > 0 }) {
			out = append(out, fmt.Sprintf("no %s request succeeded in the baseline: there is nothing to compare with", op.Class))
		}
	}
	return slices.Compact(out)
}

// unproven says what is not certain about a fault.
func unproven(e spec.Experiment, h *history.History, f history.Fault) []string {
	step := fmt.Sprintf("step %d (%s)", f.Step+1, f.Kind)
	switch {
	case f.Began == 0 || f.Proof == "":
		return []string{strings.TrimSuffix(step+": no effect was seen; "+f.Err, "; ")}
	case f.Err != "":
		return []string{step + ": " + f.Err}
	case f.Step >= len(e.Steps):
		return []string{step + " is not in the experiment"}
	}
	return wrongTarget(step, e.Steps[f.Step].On.Role, h, f)
}

// wrongTarget checks that what was hit had the role that the step asks for, by the injector's own look-up and by the pollers.
func wrongTarget(step, role string, h *history.History, f history.Fault) []string {
	if role == "" {
		return nil
	}
	if !slices.Contains(f.Roles, role) {
		return []string{fmt.Sprintf("%s asked for %s, but %s had the roles %v", step, role, strings.Join(f.On, ", "), f.Roles)}
	}
	want := map[string]string{"postgres-primary": "primary", "postgres-replica": "replica", "postgres-sync-standby": "replica"}[role]
	if want == "" {
		return nil
	}
	var out []string
	for _, name := range f.On {
		if got := stateAt(h.Changes, probe.Role, name, f.Asked); got != want {
			out = append(out, fmt.Sprintf("%s asked for %s, but the pollers saw %s as %q: the wrong container may have been hit", step, role, name, got))
		}
	}
	for _, name := range h.Header.Replicas {
		if want == "primary" && !slices.Contains(f.On, name) && besides(h.Header.Shards, f.On, name) && stateAt(h.Changes, probe.Role, name, f.Asked) == want {
			out = append(out, fmt.Sprintf("%s asked for %s, but %s was primary too: the wrong container may have been hit", step, role, name))
		}
	}
	return out
}

// besides says whether a database node is in the same cluster as one of those that were hit.
func besides(shards map[string]string, hit []string, name string) bool {
	return slices.ContainsFunc(hit, func(h string) bool { return shards[h] == shards[name] })
}

// stateAt is what a poller last saw before t, "" if it never did. A fault takes effect a little after it is asked for, so what
// was seen until then is not its doing.
func stateAt(changes []probe.Change, what, target string, t time.Duration) string {
	state := ""
	for _, c := range changes {
		if c.What == what && c.Target == target && c.At <= t {
			state = c.To
		}
	}
	return state
}

// strangers are engine events that no fault explains: somebody else disturbed the topology. What an autoscaler made comes and goes,
// which is what the topology does and no disturbance.
func strangers(h *history.History) []string {
	var out []string
	for _, ev := range h.Engine {
		if i := slices.IndexFunc(h.Phases, func(p history.PhaseStart) bool { return p.Name == "down" }); i >= 0 && ev.At >= h.Phases[i].At {
			continue // it was taken down
		}
		if ev.ScaledBy != "" {
			continue
		}
		explained := slices.ContainsFunc(h.Faults, func(f history.Fault) bool {
			return window(h, f).Explains(chaos.Event{Container: ev.Container, Action: ev.Action, At: h.Header.Origin.Add(ev.At)}, explainSlack)
		})
		if !explained {
			out = append(out, fmt.Sprintf("%s of %s at %.1f s was not Gauntlet's doing", ev.Action, ev.Container, ev.At.Seconds()))
		}
	}
	return out
}

// window is the fault as the injector saw it.
func window(h *history.History, f history.Fault) chaos.Window {
	at := func(d time.Duration) time.Time {
		if d == 0 {
			return time.Time{}
		}
		return h.Header.Origin.Add(d)
	}
	return chaos.Window{Step: f.Step, Fault: f.Kind, On: f.On, Asked: at(f.Asked), Began: at(f.Began), HealAsked: at(f.HealAsked), Healed: at(f.Healed)}
}

// failures are the reasons to fail whatever the goals say.
func failures(h *history.History) []string {
	var out []string
	for _, f := range h.Faults {
		if f.Began != 0 && f.Healed == 0 {
			out = append(out, fmt.Sprintf("step %d (%s) on %s is not proven healed: something may still be disturbed", f.Step+1, f.Kind, strings.Join(f.On, ", ")))
		}
	}
	for _, n := range h.Notes {
		if n.Kind == history.NoteUndo {
			out = append(out, "undo: "+n.Text)
		}
	}
	return out
}
