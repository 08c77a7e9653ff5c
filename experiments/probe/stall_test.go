package probe

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// On a machine that never stalls every tick is there and none is late.
func TestStallsOfAnIdleMachine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		s := WatchStalls(ctx)
		if s.Ticks < 2_490 || s.Ticks > 2_500 || s.P999 != 0 || s.Max != 0 {
			t.Errorf("%+v; want 2,500 ticks on time", s)
		}
		s.Steal = 0
		if s.Void() {
			t.Errorf("void: %s", s)
		}
	})
}

// A run is void if more than a tenth of its seconds have a pause.
func TestStallsVoidARun(t *testing.T) {
	for _, c := range []struct {
		name   string
		stalls map[int]time.Duration // by the second in which they begin
		void   bool
	}{
		{"none", nil, false},
		{"one of 56 ms each second", everySecond(56 * time.Millisecond), false},
		{"one of 200 ms in 100 s", map[int]time.Duration{50: 200 * time.Millisecond}, false},
		{"one of 72 ms each second", everySecond(72 * time.Millisecond), true},
		{"one of 8 s", map[int]time.Duration{50: 8 * time.Second}, false},
		{"one of 20 s", map[int]time.Duration{50: 20 * time.Second}, true},
	} {
		m := stallMeter{}
		longest := time.Duration(0)
		for now := time.Duration(0); now < 100*time.Second; now += StallTick {
			second := int(now / time.Second)
			if d := c.stalls[second]; d > 0 && now%time.Second == 0 {
				delete(c.stalls, second)
				longest = max(longest, d)
				now += d
			}
			m.woke(now)
		}
		s := m.result()
		if s.Void() != c.void || s.Ticks < 24_990 || s.Max > longest+StallTick || s.Max < longest-StallTick {
			t.Errorf("%s: %+v, void %v; want void %v and a longest of %s", c.name, s, s.Void(), c.void, longest)
		}
	}
}

func everySecond(d time.Duration) map[int]time.Duration {
	out := map[int]time.Duration{}
	for i := 1; i < 100; i++ {
		out[i] = d
	}
	return out
}

func TestStolenTimeVoidsARun(t *testing.T) {
	if s := (Stalls{Ticks: 1000, Steal: 0.06}); !s.Void() || !strings.Contains(s.String(), "6.0 %") {
		t.Errorf("%s: void %v", s, s.Void())
	}
	if s := (Stalls{Ticks: 1000, Steal: -1}); s.Void() || strings.Contains(s.String(), "processors") {
		t.Errorf("%s: void %v", s, s.Void())
	}
}

// Pauses say when: each second that one touches, and no other.
func TestPausesTouchSeconds(t *testing.T) {
	m := stallMeter{}
	for _, wait := range [][2]time.Duration{
		{990 * ms, 1070 * ms},  // over the end of the first second
		{1100 * ms, 1155 * ms}, // too short
		{1800 * ms, 1900 * ms}, // in the same second as the first
		{5000 * ms, 7004 * ms},
	} {
		for m.next() <= wait[0] {
			m.woke(m.next())
		}
		m.woke(wait[1])
	}
	want := []time.Duration{0, time.Second, 5 * time.Second, 6 * time.Second, 7 * time.Second}
	if got := Seconds(m.result().Pauses); !slices.Equal(got, want) {
		t.Errorf("pauses %v touch %v, want %v", m.result().Pauses, got, want)
	}
}
