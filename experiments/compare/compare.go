package compare

import (
	"fmt"
	"math"
	"slices"

	"gauntlet/experiments/score"
)

// Options say how a comparison is made. The zero value of each is its default.
type Options struct {
	Alpha     float64 // chance of a false alarm per experiment and pair, in (0,1); 0.05
	Tolerance float64 // shifts of at most this share of the first group's median are not shown, in [0,1); 0
	Seed      uint64  // of the bootstrap, the permutations and the random weightings
	Resamples int     // of bootstrap and permutations; 2000
}

func (o Options) withDefaults() Options {
	if o.Alpha == 0 {
		o.Alpha = 0.05
	}
	if o.Resamples == 0 {
		o.Resamples = 2000
	}
	return o
}

// Verdict is what a comparison of one metric says of the second group.
type Verdict string

// The verdicts. NoDifference is not "equal": it may also mean that there were too few runs.
const (
	Better       Verdict = "better"
	Worse        Verdict = "worse"
	NoDifference Verdict = "no difference shown"
	Unknown      Verdict = "unknown"    // a run has no value
	NotTested    Verdict = "not tested" // no goal of the experiment is on it
)

// Report is a comparison.
type Report struct {
	Formula     string       `json:"formula"` // version of the scoring formula
	Alpha       float64      `json:"alpha"`
	Tolerance   float64      `json:"tolerance"`
	Seed        uint64       `json:"seed"`
	Suites      []Suite      `json:"suites"`
	Pairs       []Pair       `json:"pairs"` // each group against the first
	Sensitivity *Sensitivity `json:"sensitivity,omitempty"`
	Noise       *Noise       `json:"noise,omitempty"`
	Warnings    []string     `json:"warnings,omitempty"`
	Groups      []Group      `json:"groups"` // the raw values of every run
}

// Pair is a group, B, against another, A.
type Pair struct {
	A           string           `json:"a"`
	B           string           `json:"b"`
	Suite       SuiteShift       `json:"suite"`
	Experiments []ExperimentPair `json:"experiments"`
}

// ExperimentPair is a pair in one experiment.
type ExperimentPair struct {
	Experiment string       `json:"experiment"`
	Tests      int          `json:"tests"`  // size of the family that the p-values are corrected for
	Family     []Difference `json:"family"` // goals and score
	Others     []Difference `json:"others"` // all else that was measured
	Warnings   []string     `json:"warnings,omitempty"`
}

// Difference is one metric of a pair.
type Difference struct {
	Metric     string         `json:"metric"`
	Unit       string         `json:"unit"`
	A          Spread         `json:"a"`
	B          Spread         `json:"b"`
	Shift      score.Interval `json:"shift"`      // of B against A, by Hodges and Lehmann
	Confidence float64        `json:"confidence"` // of its interval; 0: too few runs for one
	P          float64        `json:"p"`          // of the U test
	Adjusted   float64        `json:"adjusted"`   // by Holm; what is held against alpha
	Resolution float64        `json:"resolution"`
	Verdict    Verdict        `json:"verdict"`
	Why        string         `json:"why,omitempty"`
	more       bool
}

// Compare compares each group with the first. It refuses, with a *Refusal, what is not comparable.
func Compare(groups []Group, o Options) (Report, error) {
	o = o.withDefaults()
	if err := refuse(groups); err != nil {
		return Report{}, err
	}
	names := experiments(groups...)
	r := Report{Formula: score.Formula, Alpha: o.Alpha, Tolerance: o.Tolerance, Seed: o.Seed, Groups: groups, Warnings: remarks(groups)}
	for _, g := range groups {
		r.Suites = append(r.Suites, suite(g, names, o))
	}
	for i := 1; i < len(groups); i++ {
		r.Pairs = append(r.Pairs, pair(groups[0], groups[i], o))
	}
	r.Sensitivity = sensitivity(groups, common(groups), o)
	return r, nil
}

func pair(a, b Group, o Options) Pair {
	names := common([]Group{a, b})
	p := Pair{A: a.Name, B: b.Name, Suite: suiteShift(a, b, names, o)}
	for _, name := range names {
		p.Experiments = append(p.Experiments, experimentPair(name, a.of(name), b.of(name), o))
	}
	return p
}

// experimentPair tests the family and shows the rest. The family is one experiment's: each experiment is a claim of its own.
func experimentPair(name string, a, b []Run, o Options) ExperimentPair {
	all := slices.Concat(a, b)
	in := family(all)
	e := ExperimentPair{Experiment: name}
	for _, m := range in {
		e.Family = append(e.Family, difference(m, a, b))
	}
	for _, m := range others(all, in) {
		d := difference(m, a, b)
		if d.Verdict != Unknown {
			d.Verdict = NotTested
		}
		e.Others = append(e.Others, d)
	}
	e.judge(o)
	e.Warnings = append(e.Warnings, losses("A", a)...)
	e.Warnings = append(e.Warnings, losses("B", b)...)
	return e
}

// difference describes a metric of a pair; it is not judged yet.
func difference(m metric, a, b []Run) Difference {
	d := Difference{Metric: m.name, Unit: m.unit, more: m.more, P: 1, Adjusted: 1}
	as, whyA := values(a, m.name)
	bs, whyB := values(b, m.name)
	xs, ys := points(as), points(bs)
	d.A, d.B = spreadOf(xs), spreadOf(ys)
	d.Resolution = m.resolution(slices.Concat(as, bs))
	if d.Why = whyA; whyB != "" {
		d.Why = whyB // of the group that is on trial
	}
	if d.Why != "" || len(xs) == 0 || len(ys) == 0 {
		// Note: to compare only the runs that have a value would leave out the worst, such as those that never came back.
		d.Verdict = Unknown
		return d
	}
	d.Shift, d.Confidence = hodgesLehmann(xs, ys, confidence)
	d.P = uTest(xs, ys)
	return d
}

// judge corrects the family's p-values and gives the verdicts. A metric on which all runs agree can't be a false alarm, so it
// is not counted (Tarone's argument): it would only weaken the others.
func (e *ExperimentPair) judge(o Options) {
	var ps []float64
	var at []int
	for i, d := range e.Family {
		if d.Verdict != Unknown && !same(d.A.Values, d.B.Values) {
			ps, at = append(ps, d.P), append(at, i)
		}
	}
	e.Tests = len(ps)
	for i, p := range holm(ps) {
		e.Family[at[i]].Adjusted = p
	}
	for i := range e.Family {
		e.Family[i].judge(o, e.Tests)
	}
	if need := runsNeeded(o.Alpha, e.Tests); e.Tests > 0 && slices.ContainsFunc(e.Family, func(d Difference) bool { return d.small(o, e.Tests) }) {
		e.Warnings = append(e.Warnings, fmt.Sprintf("too few runs: with %d tests no difference of any size could be shown; need >= %d runs in each group", e.Tests, need))
	}
}

// small says whether no difference of any size could be shown with that many runs.
func (d Difference) small(o Options, tests int) bool {
	return d.Verdict != Unknown && !same(d.A.Values, d.B.Values) && smallestP(d.A.N, d.B.N)*float64(tests) > o.Alpha
}

func (d *Difference) judge(o Options, tests int) {
	if d.Verdict == Unknown {
		return
	}
	shift := math.Abs(d.Shift.Value)
	d.Verdict = NoDifference
	switch {
	case same(d.A.Values, d.B.Values):
		d.Why = "the same in all runs"
	case shift <= d.Resolution && d.Resolution == 0:
		d.Why = "at least half of all pairs of runs do not differ"
	case shift <= d.Resolution:
		d.Why = "below the instrument's resolution"
	case o.Tolerance > 0 && shift <= o.Tolerance*math.Abs(d.A.Median):
		d.Why = "within the tolerance"
	case d.small(o, tests):
		d.Why = "too few runs"
	case d.Adjusted < o.Alpha && d.Shift.Value > 0 == d.more:
		d.Verdict = Better
	case d.Adjusted < o.Alpha:
		d.Verdict = Worse
	}
}

// losses says how little it means that no run lost a write: of n runs without one, the chance per run is below 1 - 0.05^(1/n)
// with a confidence of 95 %.
func losses(label string, runs []Run) []string {
	got, why := values(runs, "lost_writes")
	if why != "" || len(got) == 0 {
		return nil
	}
	for _, v := range got {
		if v.Value > 0 {
			return nil
		}
	}
	bound := 1 - math.Pow(0.05, 1/float64(len(got)))
	return []string{fmt.Sprintf("%s: no write lost in %d runs only bounds the chance of a loss per run below %.0f %% (95 %% confidence)", label, len(got), 100*bound)}
}
