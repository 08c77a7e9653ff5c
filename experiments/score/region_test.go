package score

import (
	"testing"
	"time"

	"gauntlet/experiments/history"
	"gauntlet/experiments/probe"
)

// A region dies with its primary: its lease ends, the other region gets one, promotes, and all web nodes that are left follow.
func TestStagesOfARegion(t *testing.T) {
	at := func(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
	h := &history.History{Changes: []probe.Change{
		{What: probe.Lease, Target: probe.Cluster, From: "?", To: "a", At: at(1)},
		{What: probe.Role, Target: "db1", From: "?", To: "primary", At: at(1)},
		{What: probe.Role, Target: "db3", From: "?", To: "replica", At: at(1)},
		{What: probe.Route, Target: "web1", From: "?", To: "db1", At: at(1)},
		{What: probe.Route, Target: "web3", From: "?", To: "db1", At: at(1)},
		{What: probe.Role, Target: "db1", From: "primary", To: "?", At: at(20.1)},
		{What: probe.Route, Target: "web3", From: "db1", To: "", At: at(20.3)},
		{What: probe.Lease, Target: probe.Cluster, From: "a", To: "", At: at(25)},
		{What: probe.Lease, Target: probe.Cluster, From: "", To: "b", At: at(28)},
		{What: probe.Role, Target: "db3", From: "replica", To: "primary", At: at(29)},
		{What: probe.Route, Target: "web3", From: "", To: "db3", At: at(29.5)},
	}}
	f := history.Fault{On: []string{"db1", "db2", "web1"}, Roles: []string{"postgres-primary", "postgres-replica"}, Began: at(20)}
	want := map[string]time.Duration{"detect": at(25), "decide": at(28), "promote": at(29), "reroute": at(29.5)}
	for _, b := range bounds(h, f) {
		if !b.known || b.at != want[b.name] {
			t.Errorf("%s at %v (known %v), want %v: %s", b.name, b.at, b.known, want[b.name], b.evidence)
		}
		delete(want, b.name)
	}
	if len(want) > 0 {
		t.Errorf("no stage for %v", want)
	}
}

func TestPlannedRatesByRegion(t *testing.T) {
	got := plannedRates(history.Header{
		Ops:     []history.OpInfo{{Class: "read", Rate: 40}, {Class: "read", Rate: 20}},
		Regions: []history.RegionRate{{Class: "read", Region: "a", Rate: 45}, {Class: "read", Region: "b", Rate: 15}},
	})
	if got[[2]string{"read", ""}] != 60 || got[[2]string{"read", "a"}] != 45 || got[[2]string{"read", "b"}] != 15 {
		t.Errorf("rates %v", got)
	}
}
