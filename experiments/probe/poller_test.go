package probe

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

func TestFollowing(t *testing.T) {
	tests := []struct {
		name             string
		tick, every, now time.Duration
		next             time.Duration
		missed           int
	}{
		{"in time", 100, 40, 110, 140, 0},
		{"just in time", 100, 40, 140, 140, 0},
		{"late by less than a period is asked at once", 100, 40, 179, 140, 0},
		{"late by a period", 100, 40, 180, 180, 1},
		{"late by many stays on the grid", 100, 40, 399, 380, 6},
	}
	for _, tt := range tests {
		next, missed := following(tt.tick, tt.every, tt.now)
		if next != tt.next || missed != tt.missed {
			t.Errorf("%s: got %d, %d missed; want %d, %d", tt.name, next, missed, tt.next, tt.missed)
		}
	}
}

// script is an asker whose answers take the given times; after them all answers are immediate.
type script struct {
	takes  []time.Duration
	err    error
	asked  []time.Duration
	told   []span
	errs   []error
	closed bool
	clock  clock
}

func (a *script) ask(ctx context.Context) error {
	a.asked = append(a.asked, a.clock.now())
	if len(a.takes) == 0 {
		return a.err
	}
	take := a.takes[0]
	a.takes = a.takes[1:]
	select {
	case <-time.After(take):
		return a.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (a *script) tell(s span, err error) { a.told, a.errs = append(a.told, s), append(a.errs, err) }
func (a *script) close()                 { a.closed = true }

func poll(t *testing.T, a *script, length time.Duration) []Point {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), length)
	defer cancel()
	a.clock = clock{time.Now()}
	var got []Point
	poller{name: "x", every: 40 * ms, limit: 250 * ms, asker: a}.run(ctx, a.clock, &emitter{sink: Sink{Point: func(p Point) { got = append(got, p) }}})
	if !a.closed {
		t.Error("the connection was not closed")
	}
	return got
}

func TestPollerDoesNotDrift(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &script{takes: slices.Repeat([]time.Duration{7 * ms}, 1000)}
		got := poll(t, a, 4010*ms)
		for i, at := range a.asked {
			if want := time.Duration(i) * 40 * ms; at != want {
				t.Fatalf("poll %d at %v, want %v", i, at, want)
			}
		}
		if len(got) != 4 {
			t.Fatalf("got %d coverage points in 4 s: %+v", len(got), got)
		}
		for i, p := range got {
			if p.Value != 1 || p.At != time.Duration(i+1)*time.Second || p.Took > 47*ms || p.Target != "x" || p.Metric != Coverage {
				t.Errorf("got %+v", p)
			}
		}
	})
}

func TestPollerHang(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		takes := slices.Repeat([]time.Duration{0}, 10)                         // answers until 360 ms
		takes = append(takes, slices.Repeat([]time.Duration{time.Hour}, 8)...) // hangs from 400 ms, each poll for 250 ms
		a := &script{takes: takes}
		got := poll(t, a, 3990*ms)
		for i, s := range a.told {
			if hung := errors.Is(a.errs[i], context.DeadlineExceeded); hung != (i >= 10 && i < 18) {
				t.Errorf("poll %d at %v: error %v", i, s.began, a.errs[i])
			}
			if s.took() > 250*ms {
				t.Errorf("poll %d took %v", i, s.took())
			}
		}
		last := a.told[17].ended
		if len(got) != 3 {
			t.Fatalf("got %+v", got)
		}
		if p := got[0]; p.Value < 0.3 || p.Value > 0.5 || p.Took < 600*ms || p.Took > last {
			t.Errorf("first second: %+v", p)
		}
		if p := got[1]; p.Value != 0 || p.Took < 1600*ms {
			t.Errorf("a gap that goes on must be counted from its start: %+v", p)
		}
		if p := got[2]; p.Value < 0.5 || p.Value >= 1 || p.Took < last-400*ms {
			t.Errorf("the second in which the gap ended: %+v, gap ended at %v", p, last)
		}
	})
}

// A poll that the run's end cuts short says nothing about its target.
func TestPollerEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &script{takes: []time.Duration{0, 0, time.Hour}}
		poll(t, a, 100*ms)
		if len(a.asked) != 3 || len(a.told) != 2 {
			t.Errorf("asked %d, told %d; want 3 and 2", len(a.asked), len(a.told))
		}
	})
}

func TestPollerIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		if got := poll(t, &script{err: errIdle}, 3*time.Second); len(got) != 0 {
			t.Errorf("nothing was due, but coverage was reported: %+v", got)
		}
	})
}

func TestPollerRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		got := poll(t, &script{err: errRefused}, 2100*ms)
		if len(got) != 2 || got[0].Value != 0 || got[1].Value != 0 || got[1].Took < 1900*ms {
			t.Errorf("got %+v", got)
		}
	})
}

// A node that stops being what is asked fails one poll, and is then not asked: that is no blind second.
func TestCoverageOfADutyThatEnds(t *testing.T) {
	c := newCoverage("heartbeat write db1", 0)
	c.note(span{0, 5 * ms}, 0, errRefused)
	for i := range 9 {
		at := time.Duration(i+1) * 100 * ms
		c.note(span{at, at}, 0, errIdle)
	}
	if p, ok := c.report(time.Second); !ok || p.Value != 0.9 {
		t.Errorf("got %+v, %v; want that one poll of ten was not answered", p, ok)
	}
	c.note(span{1100 * ms, 1100 * ms}, 0, errIdle)
	if p, ok := c.report(2 * time.Second); ok {
		t.Errorf("nothing was due, but coverage was reported: %+v", p)
	}
}

// A machine that stood still makes one point whose gap tells how long.
func TestCoverageStall(t *testing.T) {
	c := newCoverage("x", 0)
	c.note(span{0, ms}, 0, nil)
	c.note(span{40 * ms, 3500 * ms}, 86, nil)
	p, ok := c.report(3500 * ms)
	if !ok || p.At != 3*time.Second || p.Took != 3499*ms || p.Value > 0.03 {
		t.Errorf("got %+v, %v", p, ok)
	}
	if _, ok := c.report(3900 * ms); ok {
		t.Error("the running second was reported early")
	}
}
