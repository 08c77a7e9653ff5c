package loadgen

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

var shapes = map[string]Shape{
	"constant":        {},
	"steps":           Steps(5*time.Second, 10, 200, 0, 50),
	"ramp":            Ramp(0, 300, 20*time.Second),
	"ramp down":       Ramp(300, 0, 20*time.Second),
	"spike":           Spike(50, 1000, 8*time.Second, 2*time.Second),
	"spike at once":   Spike(50, 1000, 0, time.Second),
	"sine":            {Sine: Sine{Period: 10 * time.Second, Swing: 100}},
	"poisson":         {Poisson: true},
	"poisson on ramp": {Stages: Ramp(10, 300, 15*time.Second).Stages, Poisson: true},
	"poisson on sine": {Sine: Sine{Period: 7 * time.Second, Swing: 60}, Poisson: true},
	"silence":         Steps(time.Second, 0, 0),
}

func shaped(s Shape, ops ...Op) Profile {
	p := profileOf(100, ops...)
	p.Shape = s
	return p
}

// Whatever the shape, due times never go back, lie within the load, and are as many as the rate says: exactly where they are
// planned evenly, within six standard deviations where they are drawn.
func TestShapesKeepTheirRate(t *testing.T) {
	const length = 30 * time.Second
	for name, shape := range shapes {
		t.Run(name, func(t *testing.T) {
			p := shaped(shape, Op{Name: "a", Weight: 3}, Op{Name: "b", Weight: 1})
			want := 0.0 // requests that the rate adds up to, by small steps
			for at := time.Duration(0); at < length; at += 10 * time.Millisecond {
				want += p.RateAt(at+5*time.Millisecond) / 100
			}
			var got uint64
			for _, s := range plan(p, length) {
				last := time.Duration(0)
				for k := range s.n {
					at := s.at(k)
					if at < last || at >= length {
						t.Fatalf("request %d is due at %v, after one at %v", k, at, last)
					}
					last = at
				}
				if s.at(s.n) < length {
					t.Errorf("request %d is due at %v, but only %d are planned", s.n, s.at(s.n), s.n)
				}
				got += s.n
			}
			slack := 4.0
			if shape.Poisson {
				slack += 6 * math.Sqrt(want)
			}
			if math.Abs(float64(got)-want) > slack {
				t.Errorf("%d requests, the rate adds up to %.0f", got, want)
			}
		})
	}
}

func TestBeforeInvertsAtForAllShapes(t *testing.T) {
	for name, shape := range shapes {
		for _, s := range plan(shaped(shape, Op{Weight: 1, Name: "a"}, Op{Weight: 7, Name: "b"}), 30*time.Second) {
			for range 200 {
				at := time.Duration(rand.Int64N(int64(31 * time.Second)))
				k := s.before(at)
				if k > 0 && s.at(k-1) >= at || k < s.n && s.at(k) < at {
					t.Fatalf("%s: %d are due before %v, but number %d is due at %v and %d at %v", name, k, at, k-1, s.at(k-1), k, s.at(k))
				}
			}
		}
	}
}

// The rate of each second is that of the curve in it.
func TestShapesFollowTheirCurve(t *testing.T) {
	for name, shape := range shapes {
		if shape.Poisson {
			continue
		}
		p := shaped(shape, Op{Name: "a", Weight: 1})
		s := plan(p, 30*time.Second)[0]
		for from := time.Duration(0); from < 30*time.Second; from += time.Second {
			want := 0.0
			for at := from; at < from+time.Second; at += time.Millisecond {
				want += p.RateAt(at+500*time.Microsecond) / 1000
			}
			if got := s.before(from+time.Second) - s.before(from); math.Abs(float64(got)-want) > 1.5 {
				t.Errorf("%s: %d requests in the second from %v, want %.1f", name, got, from, want)
			}
		}
	}
}

// Independent arrivals: the gaps are exponential, and the counts of seconds vary as much as their mean.
func TestPoissonIsPoisson(t *testing.T) {
	s := plan(shaped(Shape{Poisson: true}, Op{Name: "a", Weight: 1}), 1000*time.Second)[0]
	var gaps, long float64
	for k := uint64(1); k < s.n; k++ {
		gap := (s.at(k) - s.at(k-1)).Seconds() * 100
		gaps += gap
		if gap > 2 {
			long++
		}
	}
	n := float64(s.n - 1)
	if mean := gaps / n; math.Abs(mean-1) > 0.02 {
		t.Errorf("mean gap %.4f of the interval, want 1", mean)
	}
	if share := long / n; math.Abs(share-math.Exp(-2)) > 0.005 {
		t.Errorf("%.4f of the gaps are longer than twice the interval, want %.4f", share, math.Exp(-2))
	}
	var sum, squares float64
	for sec := range 1000 {
		x := float64(s.before(time.Duration(sec+1)*time.Second) - s.before(time.Duration(sec)*time.Second))
		sum, squares = sum+x, squares+x*x
	}
	mean := sum / 1000
	if v := squares/1000 - mean*mean; v < 0.75*mean || v > 1.25*mean {
		t.Errorf("the counts of the seconds have mean %.1f and variance %.1f, want the same", mean, v)
	}
}

func TestPoissonDependsOnSeedAndOpAlone(t *testing.T) {
	draw := func(seed uint64) []schedule {
		p := shaped(Shape{Poisson: true}, Op{Name: "a", Weight: 1}, Op{Name: "b", Weight: 1})
		p.Seed = seed
		return plan(p, 10*time.Second)
	}
	a, again, other := draw(1), draw(1), draw(2)
	if a[0].at(77) != again[0].at(77) || a[0].n != again[0].n {
		t.Error("the same seed gave another schedule")
	}
	if a[0].at(77) == other[0].at(77) || a[0].at(77) == a[1].at(77) {
		t.Error("another seed or operation gave the same schedule")
	}
}

func TestTrace(t *testing.T) {
	tr, err := ReadTrace(strings.NewReader("# seconds, op\n0.5,b\n0.25\n\n2, a \n2\n99\n"))
	if err != nil || len(tr) != 5 || tr[0].At != 250*time.Millisecond || tr[1].Op != "b" || tr[2].Op != "a" {
		t.Fatalf("%+v, error %v", tr, err)
	}
	s := plan(shaped(Shape{Trace: tr}, Op{Name: "a", Weight: 1}, Op{Name: "b", Weight: 1}), 10*time.Second)
	if s[0].n+s[1].n != 4 || s[1].before(time.Second)-s[1].before(500*time.Millisecond) != 1 {
		t.Errorf("%d and %d requests, want 4 of the trace in the load", s[0].n, s[1].n)
	}
	for _, bad := range []string{"", "x", "-1", "1e99", "# only"} {
		if _, err := ReadTrace(strings.NewReader(bad)); err == nil {
			t.Errorf("%q was read as a trace", bad)
		}
	}
	if p := shaped(Shape{Trace: tr}); p.RateAt(2*time.Second) != 2 {
		t.Errorf("rate %v around 2 s, want 2", p.RateAt(2*time.Second))
	}
}

// A trace without names is dealt by weight.
func TestTraceIsDealtByWeight(t *testing.T) {
	var tr []Arrival
	for i := range 4000 {
		tr = append(tr, Arrival{At: time.Duration(i) * time.Millisecond})
	}
	s := plan(shaped(Shape{Trace: tr}, Op{Name: "a", Weight: 3}, Op{Name: "b", Weight: 1}), time.Minute)
	if s[0].n+s[1].n != 4000 || s[0].n < 2850 || s[0].n > 3150 {
		t.Errorf("%d and %d of 4000, want about 3 to 1", s[0].n, s[1].n)
	}
}

func TestLedgerIDsAreDenseForAllShapes(t *testing.T) {
	for name, shape := range shapes {
		ops := []Op{{Name: "a", Weight: 3, Ledger: true}, {Name: "r", Weight: 10}, {Name: "b", Weight: 3, Ledger: true}}
		plans := plan(shaped(shape, ops...), 10*time.Second)
		seen := map[uint64]bool{}
		for i, n := range number(ops, plans) {
			for k := uint64(0); n != nil && k < plans[i].n; k++ {
				seen[n.id(k)] = true
			}
		}
		if want := plans[0].n + plans[2].n; uint64(len(seen)) != want || want > 0 && (!seen[1] || !seen[want]) {
			t.Errorf("%s: %d different ids of %d requests", name, len(seen), want)
		}
	}
}

func TestBadShapes(t *testing.T) {
	wave := Sine{Period: time.Second, Swing: 10}
	for _, s := range []Shape{
		{Sine: wave, Stages: Ramp(1, 2, time.Second).Stages},
		{Sine: Sine{Period: time.Second, Swing: 101}},
		{Sine: Sine{Swing: 1}},
		{Stages: []Stage{{For: 0, From: 1, To: 1}}},
		{Stages: []Stage{{For: 1, From: -1, To: 1}}},
		{Trace: []Arrival{{At: 2}, {At: 1}}},
		{Trace: []Arrival{{At: 2}}, Poisson: true},
	} {
		if err := s.check(100); err == nil {
			t.Errorf("%+v was accepted", s)
		}
	}
	for name, s := range shapes {
		if err := s.check(100); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if (s.String() == "") != (name == "constant") {
			t.Errorf("%s is described as %q", name, s)
		}
	}
	if got := fmt.Sprint(Ramp(1, 2.5, time.Minute)); got != "1/s to 2.5/s in 1m0s" {
		t.Errorf("got %q", got)
	}
}
