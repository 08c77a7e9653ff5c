package score

import (
	"testing"
	"time"

	"gauntlet/experiments/history"
)

// A made-up run of 100 acknowledged writes on a topology with a queue.
func TestJobLedger(t *testing.T) {
	all := []history.Range{{1, 100000}}
	for name, c := range map[string]struct {
		jobs          *history.Jobs
		known         bool
		lost, doubled uint64
	}{
		"not read":        {nil, false, 0, 0},
		"nobody answered": {&history.Jobs{Err: "no primary"}, false, 0, 0},
		"all done once":   {&history.Jobs{Done: all}, true, 0, 0},
		"three are lost":  {&history.Jobs{Done: []history.Range{{1, 10}, {13, 49}, {51, 100000}}}, true, 3, 0},
		"two are doubled": {&history.Jobs{Done: all, Doubled: []history.Range{{7, 8}}}, true, 0, 2},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSynth(load{class: "write", rate: 40, ledger: true})
			s.header.Roles = append(s.header.Roles, "rabbitmq-leader")
			s.add(history.Event{Read: &history.ReadBack{Node: "db1", Role: "primary", Present: all, CaughtUp: true}})
			if c.jobs != nil {
				s.add(history.Event{Jobs: c.jobs})
			}
			s.step("kill", "", 20*time.Second, 30*time.Second, "worker1")
			card := s.score(t)
			j := card.Jobs
			if j == nil || j.Known != c.known || j.Lost != c.lost || j.Doubled != c.doubled || c.known && j.Confirmed == 0 {
				t.Fatalf("%+v, want known %v, %d lost, %d doubled", j, c.known, c.lost, c.doubled)
			}
			for _, p := range card.Parts {
				if wrong := c.lost+c.doubled > 0; p.Name == "data" && (wrong && p.Utility.Hi > 0.6 || !c.known && p.Utility.Lo > 0.6) {
					t.Errorf("the data part has a utility of %+v", p.Utility)
				}
			}
			if m := find(t, card, "lost_jobs"); m.Known != c.known || m.Value.Value != float64(c.lost) {
				t.Errorf("lost_jobs: %+v", m)
			}
		})
	}
	if card := newSynth(load{class: "write", rate: 40, ledger: true}).score(t); card.Jobs != nil {
		t.Errorf("jobs of a topology without a queue: %+v", card.Jobs)
	}
}
