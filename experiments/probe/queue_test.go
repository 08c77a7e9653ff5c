package probe

import (
	"errors"
	"testing"
	"time"
)

// recorded keeps what is emitted.
func recorded() (*emitter, *[]Point) {
	var got []Point
	return &emitter{sink: Sink{Point: func(p Point) { got = append(got, p) }}}, &got
}

func at(d time.Duration) span { return span{d, d} }

func TestOneBrokerNodeSpeaksForAll(t *testing.T) {
	out, got := recorded()
	q := &queues{out: out}
	q.saw("rabbit1", map[string]int{"jobs.work": 3}, at(100*time.Millisecond), nil)
	q.saw("rabbit2", map[string]int{"jobs.work": 3}, at(110*time.Millisecond), nil)
	q.saw("rabbit1", nil, at(350*time.Millisecond), errors.New("cut off"))
	if len(*got) != 1 || (*got)[0].Value != 3 || (*got)[0].Target != "jobs.work" {
		t.Fatalf("points = %+v, want the one of rabbit1", *got)
	}
	q.saw("rabbit2", map[string]int{"jobs.work": 5}, at(700*time.Millisecond), nil)
	if len(*got) != 2 || (*got)[1].Value != 5 {
		t.Fatalf("points = %+v, want rabbit2 to speak once rabbit1 is silent", *got)
	}
	q.saw("rabbit1", nil, at(1500*time.Millisecond), errors.New("cut off"))
	if last := (*got)[len(*got)-1]; last.Err == "" {
		t.Errorf("the last point is %+v, want a gap: nobody answers", last)
	}
}

func TestShareOfHitsIsToldOnceASecond(t *testing.T) {
	out, got := recorded()
	h := hitRatio{target: "web1", out: out}
	for _, c := range []struct {
		at           time.Duration
		hits, misses int64
		points       int
		last         float64
	}{
		{100 * time.Millisecond, 1000, 1000, 0, 0}, // what was before is not known
		{600 * time.Millisecond, 1010, 1000, 0, 0},
		{1100 * time.Millisecond, 1030, 1010, 1, 0.75},
		{2100 * time.Millisecond, 1030, 1010, 1, 0.75}, // no reads, no share
		{3100 * time.Millisecond, 1030, 1020, 2, 0},
		{4100 * time.Millisecond, 5, 5, 2, 0}, // it started anew
		{5100 * time.Millisecond, 6, 5, 3, 1},
	} {
		h.saw(cacheReads{Hits: c.hits, Misses: c.misses}, at(c.at))
		if len(*got) != c.points || c.points > 0 && (*got)[c.points-1].Value != c.last {
			t.Fatalf("after %s: points %+v, want %d, the last of %g", c.at, *got, c.points, c.last)
		}
	}
}
