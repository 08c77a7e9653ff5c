package compare

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"gauntlet/experiments/score"
	"gauntlet/experiments/spec"
)

// The sequential rule of the gate.
const (
	maxRuns     = 5    // a gate never asks for more judged runs
	maxVoid     = 2    // runs that told nothing and are made again
	minBaseline = 5    // runs that a baseline must have to be compared with
	worseBy     = 0.20 // of the baseline's median, at least
	worseSteps  = 3.0  // times the resolution, at least
	worseSpread = 2.0  // times the baseline's median deviation, at least
)

// safety are the metrics whose goals no run may miss: what they count can't be undone and does not get better by averaging.
var safety = []string{"lost_writes", "duplicated_writes", "misplaced_writes", "resurrected_writes", "diverged_rows"}

// Decision is what a gate says after some runs.
type Decision struct {
	Done    bool          `json:"done"` // false: make another run
	Verdict score.Verdict `json:"verdict"`
	Checks  []Check       `json:"checks"`
	Why     []string      `json:"why,omitempty"`
}

// Check is one thing that the gate looked at.
type Check struct {
	Name    string        `json:"name"`
	Verdict score.Verdict `json:"verdict"`
	Text    string        `json:"text"`
}

// Gate judges a change by its runs so far, of one experiment on one topology, against its goals and a baseline.
//
//   - A goal on safety that any run misses fails.
//   - Another goal fails if 2 of the first 3 runs miss it, or more than half of up to 5.
//   - Against a baseline of 5 runs or more, a metric fails if it is worse by the one-sided U test (p < 0.05 after Holm) and
//     its median is worse by more than 20 %, 3 times the resolution and twice the baseline's median deviation.
//
// It stops after one run if every value is below half of its limit and no worse than the baseline by that margin, after three
// if no metric is, else after five. Runs that told nothing are made again, twice at most.
//
// Note: measurement without Holm would alarm once in 20 for each metric; with it, once in 20 for all of them.
func Gate(goals []spec.Goal, baseline, runs []Run) Decision {
	base, notes, err := matching(baseline, runs)
	if err != nil {
		return Decision{Done: true, Verdict: score.Unknown, Why: []string{err.Error()}}
	}
	valid := slices.DeleteFunc(slices.Clone(runs), func(r Run) bool { return unfit(r) != nil })
	d := Decision{Why: notes}
	d.Checks = append(d.Checks, absolute(goals, valid)...)
	d.Checks = append(d.Checks, broken(runs)...)
	n, void := len(valid), len(runs)-len(valid)
	switch {
	case verdict(d.Checks) == score.Fail:
		d.Done = true
	case void > maxVoid:
		d.Done = true
		d.Checks = append(d.Checks, Check{"evidence", score.Unknown, fmt.Sprintf("%d of %d runs told nothing; the last: %s", void, len(runs), strings.Join(first(lastVoid(runs).Why, 2), "; "))})
	case n == 0:
	case n == 1 && !comfortable(goals, valid[0]):
	case n >= maxRuns, n != 2 && settled(d.Checks) && len(suspects(valid, base)) == 0:
		d.Done = true
		d.Checks = append(d.Checks, against(valid, base)...)
	}
	d.Verdict = verdict(d.Checks)
	if !d.Done && d.Verdict != score.Fail {
		d.Verdict = score.Unknown
	}
	return d
}

func verdict(checks []Check) score.Verdict {
	out := score.Pass
	for _, c := range checks {
		if c.Verdict == score.Fail {
			return score.Fail
		}
		if c.Verdict == score.Unknown {
			out = score.Unknown
		}
	}
	return out
}

func settled(checks []Check) bool { return verdict(checks) != score.Unknown }

func lastVoid(runs []Run) Run {
	for _, r := range slices.Backward(runs) {
		if unfit(r) != nil {
			return r
		}
	}
	return Run{}
}

// matching are the baseline's runs of the same experiment, topology, setup and machine. None on this machine is no error: then
// only absolute limits count, and the notes say so. Another setup is one.
func matching(baseline, runs []Run) (base []Run, notes []string, err error) {
	if len(runs) == 0 {
		return nil, nil, nil
	}
	r := runs[0]
	var diff []string
	elsewhere := ""
	for _, b := range baseline {
		if b.Experiment != r.Experiment || b.Topology != r.Topology || unfit(b) != nil {
			continue
		}
		if d := Differences(b.Setup, r.Setup); len(d) > 0 {
			diff = d
		} else if fingerprint(b) != fingerprint(r) {
			elsewhere = fingerprint(b)
		} else {
			base = append(base, b)
		}
	}
	switch {
	case len(base) >= minBaseline:
		return base, nil, nil
	case len(base) > 0:
		return nil, []string{fmt.Sprintf("the baseline has %d runs of %s on %s, need >= %d to compare with: absolute limits only", len(base), r.Experiment, r.Topology, minBaseline)}, nil
	case elsewhere != "":
		return nil, []string{fmt.Sprintf("the baseline is from another machine (%s, this is %s): absolute limits only", elsewhere, fingerprint(r))}, nil
	case len(diff) > 0:
		return nil, nil, fmt.Errorf("the baseline of %s can't be compared with: %s; record it anew", r.Experiment, strings.Join(diff, "; "))
	default:
		return nil, []string{fmt.Sprintf("the baseline has no run of %s on %s: absolute limits only", r.Experiment, r.Topology)}, nil
	}
}

// absolute judges the goals over all runs.
func absolute(goals []spec.Goal, runs []Run) []Check {
	var out []Check
	for _, g := range goals {
		missed, held := 0, 0
		for _, r := range runs {
			switch verdictOf(r, g.Name()) {
			case score.Fail:
				missed++
			case score.Pass:
				held++
			}
		}
		c := Check{Name: g.Name() + " " + g.Text, Text: fmt.Sprintf("held in %d of %d runs, missed in %d", held, len(runs), missed)}
		c.Verdict = goalVerdict(slices.Contains(safety, g.Metric), held, missed, len(runs))
		out = append(out, c)
	}
	return out
}

func goalVerdict(safe bool, held, missed, n int) score.Verdict {
	switch {
	case safe && missed > 0, missed >= 2 && (n <= 3 || 2*missed > n):
		return score.Fail
	case safe && held < n, 2*held <= n:
		return score.Unknown
	default:
		return score.Pass
	}
}

// verdictOf is a run's verdict on a goal.
func verdictOf(r Run, name string) score.Verdict {
	for _, m := range r.Goals {
		if m.Metric == name {
			return m.Verdict
		}
	}
	return score.Unknown
}

// broken are runs that failed whatever their goals say, such as a fault that is not proven healed, and safety goals that were
// missed even in a run that tells nothing else.
func broken(runs []Run) []Check {
	var out []Check
	for _, r := range runs {
		if r.Verdict != score.Fail {
			continue
		}
		missed := slices.DeleteFunc(slices.Clone(r.Goals), func(m score.Measure) bool { return m.Verdict != score.Fail })
		unsafe := slices.ContainsFunc(missed, func(m score.Measure) bool { return slices.Contains(safety, m.Metric) })
		if len(missed) == 0 || unsafe && unfit(r) != nil {
			out = append(out, Check{"safety", score.Fail, fmt.Sprintf("%s: %s", r.name(), strings.Join(first(r.Why, 2), "; "))})
		}
	}
	return out
}

// comfortable says whether every goal of a run holds with its worst end below half of the limit.
func comfortable(goals []spec.Goal, r Run) bool {
	return !slices.ContainsFunc(goals, func(g spec.Goal) bool {
		m, found := r.measure(g.Name())
		limit := g.AtMost
		if limit == nil {
			limit = g.AtLeast
		}
		if !found || !m.Known || limit == nil || verdictOf(r, g.Name()) != score.Pass {
			return true
		}
		of := metricOf(m.Metric, m.Unit)
		return of.worst(m.Value) > of.badness(*limit)/2
	})
}

// margin is by how much badness must grow to count.
func (m metric) margin(base []score.Interval) float64 {
	xs := m.badnesses(base)
	return max(worseBy*math.Abs(median(xs)), worseSteps*m.resolution(base), worseSpread*mad(xs))
}

func (m metric) badnesses(all []score.Interval) []float64 {
	out := make([]float64, len(all))
	for i, v := range all {
		out[i] = m.badness(v.Value)
	}
	return out
}

// suspects are the metrics whose median is worse than the baseline's by more than the margin.
func suspects(runs, base []Run) []metric {
	if len(base) == 0 {
		return nil
	}
	return slices.DeleteFunc(gated(base), func(m metric) bool {
		was, why := values(base, m.name)
		is, now := values(runs, m.name)
		if why != "" {
			return true // the baseline can't say
		}
		return now == "" && median(m.badnesses(is))-median(m.badnesses(was)) <= m.margin(was)
	})
}

// gated are the family's metrics but those on safety, which their limits hold alone.
func gated(base []Run) []metric {
	return slices.DeleteFunc(family(base), func(m metric) bool { return slices.Contains(safety, m.base) })
}

// regression is a metric that got worse.
type regression struct {
	metric
	was, is, p float64 // medians and the corrected p
}

// regressions are the metrics that are worse than the baseline by test and by margin.
func regressions(runs, base []Run, o Options) []regression {
	var found []regression
	var ps []float64
	for _, m := range gated(base) {
		was, a := values(base, m.name)
		is, b := values(runs, m.name)
		x, y := m.badnesses(was), m.badnesses(is)
		if a != "" || b != "" || same(x, y) {
			continue
		}
		ps = append(ps, uGreater(x, y))
		found = append(found, regression{metric: m, was: median(points(was)), is: median(points(is))})
	}
	var out []regression
	for i, p := range holm(ps) {
		r := found[i]
		r.p = p
		was, _ := values(base, r.name)
		if p < o.withDefaults().Alpha && r.badness(r.is)-r.badness(r.was) > r.margin(was) {
			out = append(out, r)
		}
	}
	return out
}

// against compares with the baseline.
func against(runs, base []Run) []Check {
	if len(base) == 0 {
		return nil
	}
	var out []Check
	for _, m := range suspects(runs, base) {
		if _, why := values(runs, m.name); why != "" {
			out = append(out, Check{m.name + " against the baseline", score.Unknown, why})
		}
	}
	for _, r := range regressions(runs, base, Options{}) {
		out = append(out, Check{r.name + " against the baseline", score.Fail,
			fmt.Sprintf("median %s, was %s in %d runs; p = %.3f after Holm", number(r.is, r.unit), number(r.was, r.unit), len(base), r.p)})
	}
	if len(out) == 0 {
		out = append(out, Check{"baseline", score.Pass, fmt.Sprintf("no metric is worse than in %d runs of the baseline by more than its margin", len(base))})
	}
	return out
}
