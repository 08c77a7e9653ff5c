package compare

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"gauntlet/experiments/score"
)

// Noise is what the tool makes of runs that do not differ: A/A pairs.
type Noise struct {
	Pairs    int            `json:"pairs"`
	Disjoint int            `json:"disjoint"` // of them, pairs of runs that follow each other in time and share none; the rest are random splits
	PerSide  int            `json:"per_side"` // runs on each side of a pair
	Alarms   int            `json:"alarms"`   // pairs in which any difference was shown
	Rate     score.Interval `json:"rate"`     // of false alarms, in [0,1]; 95 % by Clopper and Pearson
	Gate     int            `json:"gate_alarms"`
	GateRate score.Interval `json:"gate_rate"`
	Floor    []Floor        `json:"floor"`
	Warnings []string       `json:"warnings,omitempty"`
}

// Floor is the noise of one metric.
type Floor struct {
	Experiment string  `json:"experiment"`
	Metric     string  `json:"metric"`
	Unit       string  `json:"unit"`
	Median     float64 `json:"median"`     // of all runs
	P95        float64 `json:"p95"`        // 95th percentile over the pairs of the absolute shift
	Resolution float64 `json:"resolution"` // the largest that was used
	Alarms     int     `json:"alarms"`
}

// AA makes pairs of runs that do not differ and compares them as Compare and the gate would. First come pairs of consecutive
// runs, labelled A B B A ..., which also feel what changes on a machine in time; they share no run. When these are used up,
// the same runs are split at random; those pairs are not independent and say less than their number.
func AA(runs []Run, pairs int, o Options) (Noise, error) {
	o = o.withDefaults()
	if err := refuse([]Group{{"runs", runs}}); err != nil {
		return Noise{}, err
	}
	if tops := By("topology", runs); len(tops) > 1 {
		return Noise{}, &Refusal{[]string{fmt.Sprintf("A/A pairs need runs that do not differ; these are on %s and %s", tops[0].Name, tops[1].Name)}}
	}
	byName := By("experiment", runs)
	least := len(runs)
	for _, g := range byName {
		least = min(least, len(g.Runs))
	}
	n := Noise{PerSide: min(5, least/2)}
	if n.PerSide < 2 {
		return Noise{}, &Refusal{[]string{fmt.Sprintf("A/A pairs need at least 4 runs of each experiment, there are %d", least)}}
	}
	n.warn()
	c := counter{noise: &n, floors: map[string]*floorCount{}, o: o}
	c.disjoint(byName, pairs)
	rng := rand.New(rand.NewPCG(o.Seed, 5))
	for n.Pairs < pairs {
		c.add(split(byName, n.PerSide, rng))
	}
	n.Rate, n.GateRate = binomial(n.Alarms, n.Pairs), binomial(n.Gate, n.Pairs)
	n.Floor = c.list()
	if n.Disjoint < n.Pairs {
		n.Warnings = append(n.Warnings, fmt.Sprintf("%d pairs are random splits of the same runs, which are not independent; for %d disjoint pairs make %d runs of each experiment", n.Pairs-n.Disjoint, pairs, 2*n.PerSide*pairs))
	}
	return n, nil
}

func (n *Noise) warn() {
	if n.PerSide < 5 {
		n.Warnings = append(n.Warnings, fmt.Sprintf("pairs of %d + %d runs: too few to show most differences, so that few false alarms say little; make at least 10 runs", n.PerSide, n.PerSide))
	}
}

// side is the label of the i-th run of a pair: A B B A A B B A ...
func side(i int) int { return (i + 1) / 2 % 2 }

// counter adds pairs up.
type counter struct {
	noise  *Noise
	floors map[string]*floorCount
	o      Options
}

type floorCount struct {
	Floor
	shifts, values []float64
}

// disjoint adds pairs of consecutive runs, as many as there are or as were asked for.
func (c *counter) disjoint(byName []Group, pairs int) {
	per := c.noise.PerSide
	for k := 0; k < pairs; k++ {
		a, b := Group{Name: "A"}, Group{Name: "B"}
		for _, g := range byName {
			runs := slices.SortedStableFunc(slices.Values(g.Runs), func(x, y Run) int { return x.Origin.Compare(y.Origin) })
			if len(runs) < 2*per*(k+1) {
				return
			}
			x, y := interleaved(runs[2*per*k:2*per*(k+1)], per)
			a.Runs, b.Runs = append(a.Runs, x...), append(b.Runs, y...)
		}
		c.noise.Disjoint++
		c.add(a, b)
	}
}

// interleaved deals runs out as A B B A ..., each side per runs.
func interleaved(runs []Run, per int) (a, b []Run) {
	for i, r := range runs {
		if side(i) == 0 && len(a) < per || len(b) == per {
			a = append(a, r)
		} else {
			b = append(b, r)
		}
	}
	return a, b
}

// split deals each experiment's runs out at random.
func split(byName []Group, per int, rng *rand.Rand) (Group, Group) {
	a, b := Group{Name: "A"}, Group{Name: "B"}
	for _, g := range byName {
		order := rng.Perm(len(g.Runs))
		for i, at := range order[:2*per] {
			if i < per {
				a.Runs = append(a.Runs, g.Runs[at])
			} else {
				b.Runs = append(b.Runs, g.Runs[at])
			}
		}
	}
	return a, b
}

// add compares one pair.
func (c *counter) add(a, b Group) {
	p := pair(a, b, c.o)
	alarm, gate := p.Suite.Verdict == Better || p.Suite.Verdict == Worse, false
	for _, e := range p.Experiments {
		for _, d := range e.Family {
			shown := d.Verdict == Better || d.Verdict == Worse
			alarm = alarm || shown
			c.floor(e.Experiment, d, shown)
		}
		gate = gate || len(regressions(b.of(e.Experiment), a.of(e.Experiment), c.o)) > 0
	}
	c.noise.Pairs++
	if alarm {
		c.noise.Alarms++
	}
	if gate {
		c.noise.Gate++
	}
}

func (c *counter) floor(experiment string, d Difference, shown bool) {
	key := experiment + " " + d.Metric
	f := c.floors[key]
	if f == nil {
		f = &floorCount{Floor: Floor{Experiment: experiment, Metric: d.Metric, Unit: d.Unit}}
		c.floors[key] = f
	}
	f.shifts = append(f.shifts, math.Abs(d.Shift.Value))
	f.values = append(append(f.values, d.A.Values...), d.B.Values...)
	f.Resolution = max(f.Resolution, d.Resolution)
	if shown {
		f.Alarms++
	}
}

func (c *counter) list() []Floor {
	var out []Floor
	for _, f := range c.floors {
		slices.Sort(f.shifts)
		f.P95, f.Median = quantile(f.shifts, 0.95), median(f.values)
		out = append(out, f.Floor)
	}
	slices.SortFunc(out, func(a, b Floor) int {
		return cmp.Or(cmp.Compare(a.Experiment, b.Experiment), cmp.Compare(a.Metric, b.Metric))
	})
	return out
}

// binomial is the share k of n with its exact 95 % interval (Clopper and Pearson), found by halving.
func binomial(k, n int) score.Interval {
	if n == 0 {
		return score.Interval{Hi: 1}
	}
	find := func(rises func(p float64) bool) float64 {
		lo, hi := 0.0, 1.0
		for range 60 {
			if mid := (lo + hi) / 2; rises(mid) {
				hi = mid
			} else {
				lo = mid
			}
		}
		return hi
	}
	out := score.Interval{Value: float64(k) / float64(n), Lo: 0, Hi: 1}
	if k > 0 {
		out.Lo = find(func(p float64) bool { return 1-atMost(k-1, n, p) >= 0.025 })
	}
	if k < n {
		out.Hi = find(func(p float64) bool { return atMost(k, n, p) <= 0.025 })
	}
	return out
}

// atMost is the chance of at most k of n, each with chance p.
func atMost(k, n int, p float64) float64 {
	sum := 0.0
	for i := range k + 1 {
		sum += choose(n, i) * math.Pow(p, float64(i)) * math.Pow(1-p, float64(n-i))
	}
	return min(1, sum)
}
