package compare

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func near(t *testing.T, what string, got, want, within float64) {
	t.Helper()
	if math.Abs(got-want) > within || math.IsNaN(got) {
		t.Errorf("%s is %.6f, want %.6f", what, got, want)
	}
}

// The exact chances of U for small samples, as tables print them.
func TestUTails(t *testing.T) {
	for _, c := range []struct {
		n, m, u int
		want    float64
	}{{3, 3, 0, 1.0 / 20}, {5, 5, 0, 1.0 / 252}, {5, 5, 2, 4.0 / 252}, {5, 5, 3, 7.0 / 252}, {4, 6, 2, 4.0 / 210}, {1, 9, 0, 0.1}} {
		near(t, "tail", uTails(c.n, c.m)[c.u], c.want, 1e-12)
	}
	if uTails(0, 3) != nil {
		t.Error("a tail without runs")
	}
	near(t, "smallest p of 5 and 5", smallestP(5, 5), 2.0/252, 1e-12)
	if got := runsNeeded(0.05, 1); got != 4 {
		t.Errorf("%d runs needed for one test, want 4", got)
	}
	if got := runsNeeded(0.05, 6); got != 5 {
		t.Errorf("%d runs needed for six tests, want 5", got)
	}
}

func TestUTest(t *testing.T) {
	low, high := []float64{1, 2, 3, 4, 5}, []float64{6, 7, 8, 9, 10}
	near(t, "p of two samples apart", uTest(low, high), 2.0/252, 1e-9)
	near(t, "p that the second is greater", uGreater(low, high), 1.0/252, 1e-9)
	near(t, "p that the first is greater", uGreater(high, low), 1-1.0/252, 1e-9)
	near(t, "p of equal values", uTest([]float64{0, 0, 0}, []float64{0, 0}), 1, 0)
	near(t, "p of nothing", uTest(nil, low), 1, 0)
	if !slices.Equal(low, []float64{1, 2, 3, 4, 5}) {
		t.Error("the test changed its sample")
	}
}

// Hodges and Lehmann: the shift is found, and the interval holds the truth about as often as it says.
func TestHodgesLehmann(t *testing.T) {
	shift, conf := hodgesLehmann([]float64{1, 2, 3, 4, 5}, []float64{11, 12, 13, 14, 15}, 0.95)
	near(t, "shift", shift.Value, 10, 1e-9)
	near(t, "lower end", shift.Lo, 7, 1e-9)
	near(t, "upper end", shift.Hi, 13, 1e-9)
	near(t, "confidence", conf, 1-2*4.0/252, 1e-9)
	if _, conf := hodgesLehmann([]float64{1, 2, 3}, []float64{4, 5, 6}, 0.95); conf != 0 {
		t.Errorf("three runs give an interval of confidence %.3f, want none", conf)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	held := 0
	for range 500 {
		if s, _ := hodgesLehmann(draws(rng, 5, 0), draws(rng, 5, 3), 0.95); s.Lo <= 3 && 3 <= s.Hi {
			held++
		}
	}
	if held < 465 {
		t.Errorf("%d of 500 intervals hold the truth, want 95 %% or nearly", held)
	}
}

func TestHolm(t *testing.T) {
	got := holm([]float64{0.04, 0.01, 0.03, 0.5})
	for i, want := range []float64{0.09, 0.04, 0.09, 0.5} {
		near(t, "corrected p", got[i], want, 1e-12)
	}
	if len(holm(nil)) != 0 {
		t.Error("a correction of nothing")
	}
}

func TestSmallNumbers(t *testing.T) {
	near(t, "median", median([]float64{4, 1, 3, 2}), 2.5, 0)
	near(t, "median of none", median(nil), 0, 0)
	near(t, "deviation", mad([]float64{1, 1, 2, 4, 100}), 1, 0)
	near(t, "quantile", quantile([]float64{0, 10}, 0.25), 2.5, 1e-12)
	v := binomial(0, 20)
	near(t, "upper end of 0 of 20", v.Hi, 0.1684, 0.0002)
	near(t, "lower end of 0 of 20", v.Lo, 0, 0)
	v = binomial(3, 20)
	near(t, "lower end of 3 of 20", v.Lo, 0.0321, 0.0002)
	near(t, "upper end of 3 of 20", v.Hi, 0.3789, 0.0002)
}

// R can't hide the one disaster: 25 experiments at 100, one falls to 0, and R falls by 12 where a mean falls by 4.
func TestSuiteScoreShowsTheDisaster(t *testing.T) {
	all := slices.Repeat([]float64{100}, 25)
	all[7] = 0
	near(t, "R", combine(all), (96+80)/2.0, 1e-9)
	near(t, "R of none", combine(nil), 0, 0)
	near(t, "R of one", combine([]float64{70}), 70, 1e-9)
	rng := rand.New(rand.NewPCG(3, 4))
	for range 200 {
		x := make([]float64, 1+rng.IntN(12))
		for i := range x {
			x[i] = 90 * rng.Float64()
		}
		was := combine(x)
		if x[rng.IntN(len(x))] += 10; combine(x) < was {
			t.Fatalf("R falls when a score rises: %v", x)
		}
	}
}

// The interval of R is about as wide and as honest as it was found to be when it was designed.
func TestBootstrapHoldsTheTruth(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	held := 0
	const trials, experiments = 60, 10
	for range trials {
		var all []ExperimentScore
		var truth []float64
		for e := range experiments {
			mid := 50 + 4*float64(e)
			truth = append(truth, mid)
			s := ExperimentScore{Experiment: "e", Runs: 5}
			for range 5 {
				s.Values = append(s.Values, mid+4*rng.NormFloat64())
			}
			s.Mean, s.los, s.his = mean(s.Values), s.Values, s.Values
			all = append(all, s)
		}
		if v := bootstrap(all, Options{Seed: 1, Resamples: 400}); v.Lo <= combine(truth) && combine(truth) <= v.Hi {
			held++
		}
	}
	if held < trials*80/100 {
		t.Errorf("%d of %d intervals hold the truth, want about 94 %%", held, trials)
	}
}
