package compare

import (
	"math"
	"slices"

	"golang.org/x/perf/benchmath"

	"gauntlet/experiments/score"
)

// Spread is a sample of runs in a few numbers. Min to max is an interval of the median without assumptions: of n runs it holds
// the median with a confidence of 1 - 2^(1-n), which is 94 % for 5.
type Spread struct {
	N      int       `json:"n"`
	Median float64   `json:"median"`
	Min    float64   `json:"min"`
	Max    float64   `json:"max"`
	Values []float64 `json:"values"` // in the order of the runs
}

func spreadOf(xs []float64) Spread {
	if len(xs) == 0 {
		return Spread{}
	}
	return Spread{len(xs), median(xs), slices.Min(xs), slices.Max(xs), xs}
}

// median of a sample; 0 of none.
func median(xs []float64) float64 {
	s := slices.Sorted(slices.Values(xs))
	n := len(s)
	if n == 0 {
		return 0
	}
	return (s[(n-1)/2] + s[n/2]) / 2
}

// mad is the median absolute deviation from the median.
func mad(xs []float64) float64 {
	mid := median(xs)
	off := make([]float64, len(xs))
	for i, x := range xs {
		off[i] = math.Abs(x - mid)
	}
	return median(off)
}

func mean(xs []float64) float64 {
	sum := 0.0
	for _, x := range xs {
		sum += x
	}
	return sum / float64(max(1, len(xs)))
}

// quantile is the q-quantile of a sorted sample, between its neighbours in proportion.
func quantile(sorted []float64, q float64) float64 {
	at := q * float64(len(sorted)-1)
	i := int(at)
	if i+1 >= len(sorted) {
		return sorted[len(sorted)-1]
	}
	return sorted[i] + (at-float64(i))*(sorted[i+1]-sorted[i])
}

// same says whether all values are equal: then no test can tell anything.
func same(a, b []float64) bool {
	all := slices.Concat(a, b)
	return len(all) == 0 || slices.Min(all) == slices.Max(all)
}

// uTest is the two-sided p of the Mann-Whitney U test, exact for small samples. 1 if there is nothing to test.
func uTest(a, b []float64) float64 {
	if len(a) == 0 || len(b) == 0 || same(a, b) {
		return 1
	}
	t := benchmath.DefaultThresholds
	c := benchmath.AssumeNothing.Compare(benchmath.NewSample(slices.Clone(a), &t), benchmath.NewSample(slices.Clone(b), &t))
	return min(1, c.P)
}

// uGreater is the one-sided p that b tends to be greater than a.
func uGreater(a, b []float64) float64 {
	p := uTest(a, b)
	greater := 0.0
	for _, x := range a {
		for _, y := range b {
			switch {
			case y > x:
				greater++
			case y < x:
				greater--
			}
		}
	}
	if greater <= 0 {
		return 1 - p/2
	}
	return p / 2
}

// smallestP is the smallest two-sided p that samples of n and m can reach: all of one above all of the other.
func smallestP(n, m int) float64 { return math.Min(1, 2/choose(n+m, n)) }

func choose(n, k int) float64 {
	out := 1.0
	for i := range min(k, n-k) {
		out *= float64(n-i) / float64(i+1)
	}
	return out
}

// runsNeeded is how many runs of each could show a difference at level alpha in a family of that many tests.
func runsNeeded(alpha float64, tests int) int {
	n := 1
	for smallestP(n, n) > alpha/float64(max(1, tests)) {
		n++
	}
	return n
}

// holm corrects p-values for the number of tests: the chance that any of them is a false alarm stays below the level that the
// corrected ones are held against.
//
//	adjusted(i) = max over j <= i of min(1, (m - j) · p(j)), with p(0) <= p(1) <= ... and j from 0
func holm(ps []float64) []float64 {
	order := make([]int, len(ps))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int {
		switch {
		case ps[i] < ps[j]:
			return -1
		case ps[i] > ps[j]:
			return 1
		}
		return 0
	})
	out := make([]float64, len(ps))
	highest := 0.0
	for rank, i := range order {
		highest = max(highest, min(1, float64(len(ps)-rank)*ps[i]))
		out[i] = highest
	}
	return out
}

// hodgesLehmann is by how much b lies above a: the median of all differences, with the interval that the U test would not
// reject, and the confidence that it really has. Too few runs for that confidence give no interval: confidence 0.
func hodgesLehmann(a, b []float64, confidence float64) (shift score.Interval, got float64) {
	var all []float64
	for _, x := range a {
		for _, y := range b {
			all = append(all, y-x)
		}
	}
	slices.Sort(all)
	mid := median(all)
	shift = score.Interval{Value: mid, Lo: mid, Hi: mid}
	tails := uTails(len(a), len(b))
	cut := 0 // the largest number of differences to leave out at each end
	for cut < len(tails) && tails[cut] <= (1-confidence)/2 {
		cut++
	}
	if cut == 0 || len(all) == 0 {
		return shift, 0
	}
	shift.Lo, shift.Hi = all[cut-1], all[len(all)-cut]
	return shift, 1 - 2*tails[cut-1]
}

// uTails are the chances that U is 0, at most 1, at most 2, ... up to about the middle, if there is no difference. U counts the
// pairs in which the one is above the other; its distribution is that of sums of n different ranks.
func uTails(n, m int) []float64 {
	if n == 0 || m == 0 {
		return nil
	}
	ways := make([][]float64, n+1) // ways[k][u]: sets of k ranks with k(k-1)/2 + u in all
	for k := range ways {
		ways[k] = make([]float64, n*m+1)
	}
	ways[0][0] = 1
	for rank := range n + m {
		for k := min(n, rank+1); k >= 1; k-- {
			step := rank - (k - 1) // how far this rank lies above the least that a k-th one could have
			for u := n * m; u >= step && step >= 0; u-- {
				ways[k][u] += ways[k-1][u-step]
			}
		}
	}
	total, sum := choose(n+m, n), 0.0
	out := make([]float64, 0, n*m/2+1)
	for _, w := range ways[n][:n*m/2+1] {
		sum += w / total
		out = append(out, sum)
	}
	return out
}
