package loadgen

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

func TestPlan(t *testing.T) {
	p := profileOf(1000, Op{Name: "a", Weight: 80}, Op{Name: "b", Weight: 15}, Op{Name: "c", Weight: 5})
	s := plan(p, 8*time.Second)
	if s[0].n != 6400 || s[1].n != 1200 || s[2].n != 400 {
		t.Errorf("counts %d %d %d, want 6400 1200 400", s[0].n, s[1].n, s[2].n)
	}
	if got, want := s[2].at(1)-s[2].at(0), 20*time.Millisecond; got != want {
		t.Errorf("interval %v, want %v", got, want)
	}
	due := map[time.Duration]string{}
	for i, x := range s {
		for k := range x.n {
			at := x.at(k)
			if at < 0 || at >= 8*time.Second {
				t.Fatalf("%s request %d is due at %v, outside of the run", p.Ops[i].Name, k, at)
			}
			if other := due[at]; other != "" {
				t.Fatalf("%s and %s are both due at %v", other, p.Ops[i].Name, at)
			}
			due[at] = p.Ops[i].Name
		}
	}
}

func TestBeforeInvertsAt(t *testing.T) {
	for _, rate := range []float64{0.3, 7, 1000, 333.333, 99999} {
		s := plan(profileOf(rate, Op{Weight: 1}, Op{Weight: 3}), time.Hour)[1]
		for _, k := range []uint64{0, 1, 2, 100, s.n - 1} {
			if got := s.before(s.at(k)); got != k {
				t.Errorf("rate %v: %d are due before number %d", rate, got, k)
			}
			if got := s.before(s.at(k) + 1); got != k+1 {
				t.Errorf("rate %v: %d are due up to number %d", rate, got, k)
			}
		}
	}
}

func TestLedgerIDsAreDenseAndUnique(t *testing.T) {
	ops := []Op{{Name: "a", Weight: 3, Ledger: true}, {Name: "r", Weight: 10}, {Name: "b", Weight: 3, Ledger: true}, {Name: "c", Weight: 1.7, Ledger: true}}
	plans := plan(profileOf(177, ops...), 10*time.Second)
	seen := map[uint64]bool{}
	for i, n := range number(ops, plans) {
		if (n != nil) != ops[i].Ledger {
			t.Fatalf("op %s: numbering %v", ops[i].Name, n)
		}
		for k := uint64(0); n != nil && k < plans[i].n; k++ {
			id := n.id(k)
			if seen[id] {
				t.Fatalf("id %d twice", id)
			}
			seen[id] = true
		}
	}
	for id := uint64(1); id <= uint64(len(seen)); id++ {
		if !seen[id] {
			t.Fatalf("id %d is missing of %d", id, len(seen))
		}
	}
}

func TestPacerKeepsTheAbsolutePlan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now().Add(time.Second)
		p := &pacer{schedule: plan(profileOf(100, Op{Weight: 1}), time.Second)[0], ctx: t.Context(), begin: begin}
		for k := range uint64(100) {
			if wait, stop := p.Pace(0, k); wait != 0 || stop {
				t.Fatalf("request %d: wait %v, stop %v", k, wait, stop)
			}
			if k == 50 {
				time.Sleep(25 * time.Millisecond) // a late request must not shift the later ones
			}
			late := time.Since(begin.Add(p.at(k)))
			if want := k == 50 || k == 51 || k == 52; (late > 0) != want {
				t.Errorf("request %d is %v late, want late: %v", k, late, want)
			}
		}
		if _, stop := p.Pace(0, 100); !stop || p.asked != 100 {
			t.Errorf("after the last request: stop %v, asked %d", stop, p.asked)
		}
	})
}

func TestPacerStopsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		begin := time.Now()
		p := &pacer{schedule: plan(profileOf(0.001, Op{Weight: 1}), 24*time.Hour)[0], ctx: ctx, begin: begin.Add(time.Hour)}
		if _, stop := p.Pace(0, 0); !stop || time.Since(begin) != 5*time.Second || p.asked != 0 {
			t.Errorf("stop %v after %v, asked %d; want at the cancel", stop, time.Since(begin), p.asked)
		}
	})
}
