package autoscaler

import (
	"errors"
	"testing"
	"time"
)

var (
	start   = time.Unix(1_000_000, 0)
	workers = Rule{Tier: "worker", Measure: QueueDepth, Out: Bound{1000, 0, 2}, In: Bound{100, 0, 1}, Min: 2, Max: 6, Cooldown: 30 * time.Second}
	webs    = Rule{Tier: "web", Measure: CPU, Out: Bound{0.6, 5 * time.Minute, 1}, In: Bound{0.2, 10 * time.Minute, 1}, Min: 3, Max: 6, Cooldown: time.Minute}
)

// everySecond are readings of a value, one a second up to now.
func everySecond(v float64, length time.Duration) []Reading {
	var out []Reading
	for at := -length; at <= 0; at += time.Second {
		out = append(out, Reading{At: start.Add(at), Value: v})
	}
	return out
}

func TestDecide(t *testing.T) {
	long := everySecond(0.7, 5*time.Minute)
	dip := everySecond(0.7, 5*time.Minute)
	dip[100].Value = 0.5
	blind := everySecond(0.7, 5*time.Minute)
	blind[100].Err = errors.New("no answer")
	gap := append(everySecond(0.7, 5*time.Minute)[:100:100], everySecond(0.7, 5*time.Minute)[120:]...)
	failed := append(everySecond(5000, 0), Reading{At: start, Err: errors.New("no answer")})
	stale := []Reading{{At: start.Add(-time.Minute), Value: 5000}}
	for _, c := range []struct {
		name string
		rule Rule
		past []Reading
		f    Fleet
		want Decision
	}{
		{"1001 jobs", workers, everySecond(1001, 0), Fleet{Running: 2}, Decision{2, "above"}},
		{"exactly 1000 jobs", workers, everySecond(1000, 0), Fleet{Running: 2}, Decision{0, whyCalm}},
		{"room for one", workers, everySecond(5000, 0), Fleet{Running: 5}, Decision{1, "above"}},
		{"no room", workers, everySecond(5000, 0), Fleet{Running: 6}, Decision{0, whyMost}},
		{"all workers gone", workers, everySecond(5000, 0), Fleet{}, Decision{2, "above"}},
		{"99 jobs", workers, everySecond(99, 0), Fleet{Running: 4, Made: 2}, Decision{-1, "below"}},
		{"exactly 100 jobs", workers, everySecond(100, 0), Fleet{Running: 4, Made: 2}, Decision{0, whyCalm}},
		{"none made", workers, everySecond(0, 0), Fleet{Running: 4}, Decision{0, whyNotMine}},
		{"as few as may be", workers, everySecond(0, 0), Fleet{Running: 2, Made: 2}, Decision{0, whyLeast}},
		{"just acted", workers, everySecond(5000, 0), Fleet{Running: 2, Last: start.Add(-29 * time.Second)}, Decision{0, whyCooldown}},
		{"acted a while ago", workers, everySecond(5000, 0), Fleet{Running: 2, Last: start.Add(-30 * time.Second)}, Decision{2, "above"}},
		{"last look failed", workers, failed, Fleet{Running: 2}, Decision{0, whyUnknown}},
		{"no look for a minute", workers, stale, Fleet{Running: 2}, Decision{0, whyUnknown}},
		{"never looked", workers, nil, Fleet{Running: 2}, Decision{0, whyUnknown}},
		{"busy for 5 min", webs, long, Fleet{Running: 3}, Decision{1, "above"}},
		{"busy for less", webs, long[1:], Fleet{Running: 3}, Decision{0, whySoonOut}},
		{"busy with a dip", webs, dip, Fleet{Running: 3}, Decision{0, whySoonOut}},
		{"a look failed", webs, blind, Fleet{Running: 3}, Decision{0, whySoonOut}},
		{"nobody looked for 20 s", webs, gap, Fleet{Running: 3}, Decision{0, whySoonOut}},
		{"idle for 10 min", webs, everySecond(0.1, 10*time.Minute), Fleet{Running: 4, Made: 1}, Decision{-1, "below"}},
		{"idle for 5 min", webs, everySecond(0.1, 5*time.Minute), Fleet{Running: 4, Made: 1}, Decision{0, whySoonIn}},
		{"as usual", webs, everySecond(0.4, 10*time.Minute), Fleet{Running: 4, Made: 1}, Decision{0, whyCalm}},
	} {
		if got := Decide(c.rule, c.past, c.f, start, 4*time.Second); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}
