package score

import (
	"testing"
	"time"

	"gauntlet/experiments/history"
	"gauntlet/experiments/probe"
)

// Seconds in which clients suffer count until the load balancer says that a server is down, and no longer. Four bad seconds touch five
// of those that are counted from the fault's phase on, which begins 100 ms before t0.
func TestUnnoticedSeconds(t *testing.T) {
	server := func(to string, at time.Duration) history.Event {
		return history.Event{Change: &probe.Change{What: probe.Server, Target: "web/web1", To: to, At: at}}
	}
	spare := []history.Event{{Change: &probe.Change{What: probe.Server, Target: "web/scaled1", To: "MAINT (resolution)", At: time.Second}}}
	for name, c := range map[string]struct {
		changes []history.Event
		want    float64
		known   bool
	}{
		"nobody says":           {nil, 0, false},
		"always up":             {[]history.Event{server("UP", time.Second)}, 5, true},
		"down after 2 s":        {[]history.Event{server("UP", time.Second), server("DOWN", 23*time.Second), server("UP", 26*time.Second)}, 2, true},
		"down all the time":     {[]history.Event{server("UP", time.Second), server("DOWN", 20*time.Second)}, 0, true},
		"places for more":       {append([]history.Event{server("UP", time.Second)}, spare...), 5, true},
		"down before, not then": {[]history.Event{server("DOWN", time.Second), server("UP", 15*time.Second)}, 5, true},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSynth(load{class: "read", rate: 50}).step("kill", "", 20*time.Second, 30*time.Second, "db1")
			s.wrong("read", "500", 21*time.Second, 25*time.Second).add(c.changes...)
			m := find(t, s.score(t), "unnoticed_seconds")
			if m.Known != c.known || m.Value.Value != c.want {
				t.Errorf("%g, known %v (%s); want %g, known %v", m.Value.Value, m.Known, m.Why, c.want, c.known)
			}
		})
	}
}
