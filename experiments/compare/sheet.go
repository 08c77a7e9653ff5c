package compare

import (
	"fmt"
	"slices"
	"strings"

	"gauntlet/experiments/report"
	"gauntlet/experiments/score"
)

// sheet is a table with its sentences: what every form of a report is printed from.
type sheet struct {
	title string
	notes []string // above the table
	head  []string
	rows  [][]string
	plots []plot // of the rows, for the page
	below []string
	fold  bool // may be folded away
}

// sheets are the whole report.
func (r Report) sheets() []sheet {
	out := []sheet{r.overview()}
	for _, p := range r.Pairs {
		out = append(out, p.sheets(r.Alpha)...)
	}
	if r.Noise != nil {
		out = append(out, r.Noise.sheet())
	}
	if s := r.Sensitivity; s != nil {
		out = append(out, s.sheet(r.Pairs))
	}
	if len(r.Warnings) > 0 {
		out = append(out, sheet{title: "Warnings", notes: r.Warnings})
	}
	return out
}

// headline is the report in one line.
func (r Report) headline() string {
	if len(r.Pairs) == 0 {
		return plural(len(r.Suites), "group") + ", nothing to compare with"
	}
	var all []string
	for _, p := range r.Pairs {
		better, worse := p.count(Better), p.count(Worse)
		switch {
		case better+worse == 0 && p.count(Unknown) > 0:
			all = append(all, fmt.Sprintf("%s against %s: no difference shown, %s unknown", p.B, p.A, plural(p.count(Unknown), "metric")))
		case better+worse == 0:
			all = append(all, fmt.Sprintf("%s against %s: no difference shown", p.B, p.A))
		default:
			all = append(all, fmt.Sprintf("%s against %s: %s better, %d worse", p.B, p.A, plural(better, "metric"), worse))
		}
	}
	for _, s := range r.Suites {
		if s.LostIn > 0 {
			all = append(all, s.loses())
		}
	}
	return strings.Join(all, "; ")
}

// loses says in how many runs a write was lost: no test is needed for what may never happen.
func (s Suite) loses() string {
	return fmt.Sprintf("%s lost acknowledged writes in %d of %s", s.Group, s.LostIn, plural(s.Runs, "run"))
}

func (p Pair) count(v Verdict) int {
	n := 0
	for _, e := range p.Experiments {
		for _, d := range e.Family {
			if d.Verdict == v {
				n++
			}
		}
	}
	return n
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// overview is the suites beside what they cost.
func (r Report) overview() sheet {
	s := sheet{title: "Scores", head: []string{"group", ">runs", "score R, 95 % interval", "grade", "worst experiments", "cost"}}
	for _, x := range r.Suites {
		var worst []string
		for _, e := range x.Worst {
			worst = append(worst, fmt.Sprintf("%s %s (lowest %s)", e.Experiment, points1(e.Mean), points1(e.Min)))
		}
		interval := fmt.Sprintf("%s (%s to %s)", points1(x.Score.Value), points1(x.Score.Lo), points1(x.Score.Hi))
		if !x.Interval {
			interval += ", too few runs for an interval"
		}
		grade := x.Grade
		if x.Capped {
			grade += ", capped"
		}
		s.rows = append(s.rows, []string{x.Group, fmt.Sprint(x.Runs), interval, grade, strings.Join(worst, ", "), x.Cost.String()})
		for _, why := range x.Why {
			s.below = append(s.below, x.Group+": "+why)
		}
	}
	s.below = append(s.below, "R = ½ mean + ½ mean of the worst fifth of the experiments; cost and capacity stand beside it and are no part of it")
	return s
}

// String is the cost in words; what is not known is called so.
func (c Cost) String() string {
	containers, cpu, memory, capacity := "containers unknown", "CPU unknown", "memory unknown", "capacity unknown"
	if c.Containers > 0 {
		containers = plural(c.Containers, "container")
	}
	if c.CPU > 0 {
		cpu = fmt.Sprintf("%.2f CPU-s per 1,000 good answers", c.CPU)
	}
	if c.Memory > 0 {
		memory = number(c.Memory, "bytes")
	}
	if c.Capacity > 0 {
		capacity = fmt.Sprintf("capacity about %.0f/s", c.Capacity)
	}
	return containers + ", " + cpu + ", " + memory + ", " + capacity
}

func (p Pair) sheets(alpha float64) []sheet {
	s := sheet{title: p.B + " against " + p.A}
	s.notes = append(s.notes, fmt.Sprintf("score R: %s (%s to %s), permutation test p = %.3f: %s", signed(p.Suite.Shift.Value, "points"),
		signed(p.Suite.Shift.Lo, "points"), signed(p.Suite.Shift.Hi, "points"), p.Suite.P, because(string(p.Suite.Verdict), p.Suite.Why)))
	out := []sheet{s}
	for _, e := range p.Experiments {
		f := sheet{title: e.Experiment + ": " + p.B + " against " + p.A, head: p.head("p (Holm)", "verdict of "+p.B)}
		for _, d := range e.Family {
			f.rows = append(f.rows, []string{d.Metric, d.spread(d.A), d.spread(d.B), d.shift(), fmt.Sprintf("%.3f", d.Adjusted), because(string(d.Verdict), d.Why)})
			f.plots = append(f.plots, plotOf(d))
		}
		f.below = append([]string{fmt.Sprintf("Mann-Whitney U tests on the %s that can tell, corrected for their number; a difference is shown if p < %g", plural(e.Tests, "metric"), alpha)}, named(e.Warnings, p)...)
		out = append(out, f, p.rest(e))
	}
	return out
}

// named puts the groups' names for the letters.
func named(warnings []string, p Pair) []string {
	out := slices.Clone(warnings)
	for i, w := range out {
		if rest, ok := strings.CutPrefix(w, "A: "); ok {
			out[i] = p.A + ": " + rest
		} else if rest, ok := strings.CutPrefix(w, "B: "); ok {
			out[i] = p.B + ": " + rest
		}
	}
	return out
}

func (p Pair) head(more ...string) []string {
	return append([]string{"metric", p.A, p.B, "shift, 95 % interval"}, more...)
}

// rest is what was measured beside the family.
func (p Pair) rest(e ExperimentPair) sheet {
	s := sheet{title: "Also measured in " + e.Experiment, head: p.head("remarks"), fold: true}
	for _, d := range e.Others {
		s.rows = append(s.rows, []string{d.Metric, d.spread(d.A), d.spread(d.B), d.shift(), d.Why})
	}
	s.below = []string{"not tested: no goal of the experiment is on these, and each test more would weaken the others"}
	return s
}

// spread prints a sample as its median and its extremes.
func (d Difference) spread(s Spread) string {
	if s.N == 0 {
		return "unknown"
	}
	mid, lo, hi := number(s.Median, d.Unit), number(s.Min, d.Unit), number(s.Max, d.Unit)
	if lo == hi {
		return mid
	}
	return fmt.Sprintf("%s (%s to %s)", mid, lo, hi)
}

func (d Difference) shift() string {
	switch {
	case d.Verdict == Unknown:
		return "unknown"
	case d.Confidence == 0:
		return signed(d.Shift.Value, d.Unit) + " (too few runs for an interval)"
	}
	if lo, hi := signed(d.Shift.Lo, d.Unit), signed(d.Shift.Hi, d.Unit); lo != hi {
		return fmt.Sprintf("%s (%s to %s)", signed(d.Shift.Value, d.Unit), lo, hi)
	}
	return signed(d.Shift.Value, d.Unit)
}

func because(what, why string) string {
	if why == "" {
		return what
	}
	return what + ": " + why
}

// number prints a value in a unit of measures.
func number(x float64, unit string) string {
	if unit == "points" {
		return points1(x)
	}
	return report.Quantity(x, unit)
}

func points1(x float64) string { return fmt.Sprintf("%.1f", x) }

// signed prints a difference with its sign; those of ratios are in points of percent.
func signed(x float64, unit string) string {
	s := ""
	switch {
	case unit == "ratio":
		s = fmt.Sprintf("%.3f %%-points", 100*x)
	case unit == "points":
		s = points1(x)
	case x < 0:
		s = "-" + report.Quantity(-x, unit)
	default:
		s = report.Quantity(x, unit)
	}
	if s == "-0.0" || strings.HasPrefix(s, "-0.000 ") {
		s = s[1:]
	}
	if x > 0 {
		return "+" + s
	}
	return s
}

func (n Noise) sheet() sheet {
	s := sheet{title: "A/A: the tool's own noise"}
	s.notes = []string{
		fmt.Sprintf("%s of %d + %d runs that do not differ, %d of them disjoint and interleaved in time", plural(n.Pairs, "pair"), n.PerSide, n.PerSide, n.Disjoint),
		fmt.Sprintf("compare showed a difference in %d: false alarms %s", n.Alarms, shares(n.Rate)),
		fmt.Sprintf("a gate that makes %d runs would have failed in %d: false alarms %s", n.PerSide, n.Gate, shares(n.GateRate)),
	}
	s.head = []string{"experiment", "metric", ">median", ">noise floor", ">resolution", ">alarms"}
	for _, f := range n.Floor {
		s.rows = append(s.rows, []string{f.Experiment, f.Metric, number(f.Median, f.Unit), signless(f.P95, f.Unit), signless(f.Resolution, f.Unit), fmt.Sprint(f.Alarms)})
	}
	s.below = append([]string{"noise floor: 95 % of the pairs differ by no more"}, n.Warnings...)
	return s
}

func signless(x float64, unit string) string { return strings.TrimPrefix(signed(x, unit), "+") }

// shares prints a share with its interval.
func shares(v score.Interval) string {
	return fmt.Sprintf("%.1f %% (95 %% interval %.1f %% to %.1f %%)", 100*v.Value, 100*v.Lo, 100*v.Hi)
}

func (s Sensitivity) sheet(pairs []Pair) sheet {
	out := sheet{title: "Do the weights decide?"}
	out.notes = []string{fmt.Sprintf("the order %s holds in %.0f %% of %d random weightings of the score's parts", strings.Join(s.Order, " > "), 100*s.Holds, s.Draws)}
	if !slices.ContainsFunc(pairs, func(p Pair) bool { return p.Suite.Verdict == Better || p.Suite.Verdict == Worse }) {
		out.notes = append(out.notes, "no difference of the scores is shown, so that the order itself may be chance")
	}
	return out
}
