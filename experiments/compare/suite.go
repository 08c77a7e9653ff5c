package compare

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"gauntlet/experiments/score"
)

// ExperimentScore is a group's score in one experiment: the mean over its runs, so that a failure in one of five shows, with
// the worst beside it.
type ExperimentScore struct {
	Experiment string    `json:"experiment"`
	Runs       int       `json:"runs"` // 0: the group lacks it, and it counts as unknown, which is 0 to 100
	Mean       float64   `json:"mean"`
	Min        float64   `json:"min"`
	Values     []float64 `json:"values"`
	los, his   []float64
	capped     bool
}

// Suite is a group's score over all experiments.
//
//	R = ½·mean(S) + ½·mean(worst fifth of S),  S = mean over an experiment's runs, the worst fifth at least one
//
// A mean alone would hide the one experiment that is a disaster.
type Suite struct {
	Group       string            `json:"group"`
	Runs        int               `json:"runs"`
	Score       score.Interval    `json:"score"`    // in [0,100]; 95 %
	Interval    bool              `json:"interval"` // false: an experiment has fewer than 2 runs, so that Score's ends are only those of the runs' own
	Grade       string            `json:"grade"`    // A to F, from the lower end; C at most while any cap is active
	Capped      bool              `json:"capped"`   // any run was
	Worst       []ExperimentScore `json:"worst"`    // three at most, the worst first
	Experiments []ExperimentScore `json:"experiments"`
	Cost        Cost              `json:"cost"`      // medians of its runs that know it
	LostIn      int               `json:"lost_runs"` // runs in which an acknowledged write was lost
	Why         []string          `json:"why,omitempty"`
}

// confidence of all intervals.
const confidence = 0.95

// suite rates a group over the experiments of the whole comparison. One that it lacks is unknown and can't raise the score.
func suite(g Group, names []string, o Options) Suite {
	s := Suite{Group: g.Name, Runs: len(g.Runs), Interval: true}
	for _, name := range names {
		e := experimentScore(g, name)
		s.Capped = s.Capped || e.capped
		switch e.Runs {
		case 0:
			s.Why = append(s.Why, "no run of "+name+": it counts as unknown")
		case 1:
			s.Why = append(s.Why, "one run of "+name+" says nothing about how much runs differ")
		}
		s.Interval = s.Interval && e.Runs > 1
		s.Experiments = append(s.Experiments, e)
	}
	s.Worst = slices.Clone(s.Experiments)
	slices.SortStableFunc(s.Worst, func(a, b ExperimentScore) int { return cmp.Compare(a.Mean, b.Mean) })
	s.Worst = s.Worst[:min(3, len(s.Worst))]
	s.Score = bootstrap(s.Experiments, o)
	s.Grade = score.Grade(s.Score.Lo, s.Capped)
	for _, r := range g.Runs {
		if m, found := r.measure("lost_writes"); found && m.Known && m.Value.Value > 0 {
			s.LostIn++
		}
	}
	s.Cost = costs(g.Runs)
	return s
}

// costs are the medians of what is known.
func costs(runs []Run) Cost {
	known := func(of func(Cost) float64) float64 {
		var all []float64
		for _, r := range runs {
			if x := of(r.Cost); x > 0 {
				all = append(all, x)
			}
		}
		if len(all) == 0 {
			return 0
		}
		return median(all)
	}
	return Cost{
		Containers: int(known(func(c Cost) float64 { return float64(c.Containers) })), CPU: known(func(c Cost) float64 { return c.CPU }),
		Memory: known(func(c Cost) float64 { return c.Memory }), Capacity: known(func(c Cost) float64 { return c.Capacity }),
	}
}

func experimentScore(g Group, name string) ExperimentScore {
	e := ExperimentScore{Experiment: name}
	for _, r := range g.of(name) {
		e.Values, e.los, e.his = append(e.Values, r.Score.Value), append(e.los, r.Score.Lo), append(e.his, r.Score.Hi)
		e.capped = e.capped || r.Limit < 100
	}
	if e.Runs = len(e.Values); e.Runs == 0 {
		e.los, e.his = []float64{0}, []float64{100}
		return e
	}
	e.Mean, e.Min = mean(e.Values), slices.Min(e.Values)
	return e
}

// combine is R of the experiments' scores, 0 of none.
func combine(scores []float64) float64 {
	if len(scores) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(scores))
	worst := int(math.Ceil(float64(len(sorted)) / 5))
	return (mean(sorted) + mean(sorted[:worst])) / 2
}

// bootstrap is R with its interval: runs are drawn again within each experiment. Deviations are widened by √(n/(n-1)), because
// a sample of n varies that much less than what it was drawn from. The ends also hold what the runs themselves leave unknown.
func bootstrap(all []ExperimentScore, o Options) score.Interval {
	rng := rand.New(rand.NewPCG(o.Seed, 1))
	lo, hi := make([]float64, o.Resamples), make([]float64, o.Resamples)
	for i := range o.Resamples {
		var los, his []float64
		for _, e := range all {
			l, h := resample(e, rng)
			los, his = append(los, l), append(his, h)
		}
		lo[i], hi[i] = combine(los), combine(his)
	}
	slices.Sort(lo)
	slices.Sort(hi)
	var means []float64
	for _, e := range all {
		means = append(means, e.Mean)
	}
	v := combine(means)
	tail := (1 - confidence) / 2
	return score.Interval{Value: v, Lo: within(min(v, quantile(lo, tail))), Hi: within(max(v, quantile(hi, 1-tail)))}
}

func within(x float64) float64 { return max(0, min(100, x)) }

// resample draws as many runs as there are and gives the means of their lower and upper ends.
func resample(e ExperimentScore, rng *rand.Rand) (lo, hi float64) {
	n := len(e.los)
	for range n {
		i := rng.IntN(n)
		lo, hi = lo+e.los[i]/float64(n), hi+e.his[i]/float64(n)
	}
	widen := 1.0
	if n > 1 {
		widen = math.Sqrt(float64(n) / float64(n-1))
	}
	ml, mh := mean(e.los), mean(e.his)
	return within(ml + widen*(lo-ml)), within(mh + widen*(hi-mh))
}

// SuiteShift is by how much the second group's R lies above the first's, over the experiments that both have.
type SuiteShift struct {
	Shift   score.Interval `json:"shift"` // points; 95 % by bootstrap
	P       float64        `json:"p"`     // of the permutation test
	Verdict Verdict        `json:"verdict"`
	Why     string         `json:"why,omitempty"`
}

// suiteAlpha is the level at which a shift of R is shown, as a share of Options.Alpha: R comes on top of the experiments' own
// families, and the false alarms of all together must stay below alpha. Five and five runs of one experiment can still show it.
const suiteAlpha = 0.25

// permutations must be enough to tell the smallest p of five and five runs, 0.008, from the level, 0.0125.
const permutations = 4000

// suiteShift compares R. The interval is the bootstrap's; what decides is a permutation test, which is exact in small samples
// where the bootstrap is too sure of itself: labels are exchanged within each experiment.
func suiteShift(a, b Group, names []string, o Options) SuiteShift {
	rng := rand.New(rand.NewPCG(o.Seed, 2))
	shifts := make([]float64, o.Resamples)
	as, bs := scores(a, names), scores(b, names)
	for i := range shifts {
		shifts[i] = redrawn(bs, rng) - redrawn(as, rng)
	}
	slices.Sort(shifts)
	v := combine(means(bs)) - combine(means(as))
	tail := (1 - confidence) / 2
	out := SuiteShift{Shift: score.Interval{Value: v, Lo: min(v, quantile(shifts, tail)), Hi: max(v, quantile(shifts, 1-tail))}}
	out.P = permuted(as, bs, math.Abs(v), o)
	out.Verdict, out.Why = NoDifference, fmt.Sprintf("p = %.3f", out.P)
	if least := floors["score"]; math.Abs(v) <= least {
		out.Why = fmt.Sprintf("below the resolution of %.1f points", least)
	} else if out.P < suiteAlpha*o.Alpha {
		out.Why = ""
		if out.Verdict = Worse; v > 0 {
			out.Verdict = Better
		}
	}
	return out
}

func scores(g Group, names []string) []ExperimentScore {
	var out []ExperimentScore
	for _, name := range names {
		out = append(out, experimentScore(g, name))
	}
	return out
}

func means(all []ExperimentScore) []float64 {
	var out []float64
	for _, e := range all {
		out = append(out, e.Mean)
	}
	return out
}

func redrawn(all []ExperimentScore, rng *rand.Rand) float64 {
	var out []float64
	for _, e := range all {
		lo, hi := resample(ExperimentScore{los: e.Values, his: e.Values}, rng)
		out = append(out, (lo+hi)/2)
	}
	return combine(out)
}

// permuted is the share of exchanges of labels that give a shift at least as large as the one that was seen.
func permuted(as, bs []ExperimentScore, seen float64, o Options) float64 {
	rng := rand.New(rand.NewPCG(o.Seed, 3))
	pools := make([][]float64, len(as))
	for i := range as {
		pools[i] = slices.Concat(as[i].Values, bs[i].Values)
	}
	x, y := make([]float64, len(as)), make([]float64, len(as))
	hits := 1
	for range permutations {
		for i, pool := range pools {
			rng.Shuffle(len(pool), func(i, j int) { pool[i], pool[j] = pool[j], pool[i] })
			x[i], y[i] = mean(pool[:as[i].Runs]), mean(pool[as[i].Runs:])
		}
		if math.Abs(combine(y)-combine(x)) >= seen-1e-9 {
			hits++
		}
	}
	return float64(hits) / float64(permutations+1)
}
