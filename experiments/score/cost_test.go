package score

import (
	"fmt"
	"testing"
	"time"

	"gauntlet/experiments/history"
)

// A sum of numbers that binary fractions can't hold depends on its order: it must be the same each time.
func TestCostIsTheSameEachTime(t *testing.T) {
	p := points{use: map[string]*use{}, calmCPU: map[string]*mean{}}
	for i := range 40 {
		name, x := fmt.Sprintf("web%d", i), 0.1*float64(i)+1/float64(i+3)
		p.use[name] = &use{cpu: mean{x, 1}, held: mean{x * 1e7, 3}}
		p.calmCPU[name] = &mean{x, 7}
	}
	h := &history.History{Header: history.Header{Containers: len(p.use), Machine: history.Machine{CPUs: 2}}}
	b := &book{span: span{to: time.Minute}, total: []slot{{due: 1000}}}
	first := cost(h, b, p)
	if !first.Known || first.CPUSeconds <= 0 || first.PerCPU <= 0 {
		t.Fatalf("cost %+v, want it known", first)
	}
	for range 50 {
		if again := cost(h, b, p); again != first {
			t.Fatalf("cost %+v, then %+v", first, again)
		}
	}
}
