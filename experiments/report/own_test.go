package report

import (
	"bytes"
	"strings"
	"testing"

	"gauntlet/experiments/history"
	"gauntlet/experiments/probe"
	"gauntlet/experiments/score"
	"gauntlet/loadgen"
)

// Each query of the user's own has a panel, with a line for each series and its gaps marked.
func TestOwnQueriesAreDrawn(t *testing.T) {
	var events []history.Event
	for i := range 10 {
		for _, p := range []probe.Point{{Target: "waiting", Value: float64(i)}, {Target: `lag{db="a"}`, Value: 0.5}, {Target: `lag{db="b"}`, Value: 0.1}} {
			if p.Metric, p.At = probe.PromQL, sec(float64(i)); i == 5 && p.Target == "waiting" {
				p.Err, p.Value = "no value", 0
			}
			events = append(events, history.Event{Point: &p})
		}
	}
	tl, err := ReadTimeline(all(minimal(events...)), all([]loadgen.Sample{{Class: "read", Out: loadgen.OK}, {Class: "read", Out: loadgen.OK, Due: sec(9), Sent: sec(9), End: sec(9)}}))
	if err != nil {
		t.Fatal(err)
	}
	c := score.Card{Measures: []score.Measure{{Metric: "lag", Unit: "seconds"}, {Metric: "waiting", Unit: "count"}}}
	own := newDrawer(&tl, &c).own()
	if len(own) != 2 || own[0].Name != "lag" || len(own[0].Chart.Curves) != 2 || own[1].Name != "waiting" || len(own[1].Chart.Curves) != 1 {
		t.Fatalf("panels %+v, want lag with two lines and waiting with one", own)
	}
	if len(own[1].Chart.Hatches) == 0 || len(own[0].Chart.Hatches) != 0 {
		t.Error("the gap of waiting is not marked, or lag has one")
	}
	var page bytes.Buffer
	if err := HTML(&page, c, tl); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"<h3>waiting: a query of the experiment</h3>", "<h3>lag: a query of the experiment</h3>", "{db=&#34;a&#34;}"} {
		if !strings.Contains(page.String(), want) {
			t.Errorf("the page lacks %s", want)
		}
	}
}

func TestNotesOfDrainAndCost(t *testing.T) {
	for want, d := range map[string]*score.Drain{
		"": nil,
		"a backlog of 412 jobs drained in 8.10 s; the forecast of its first 3 s was 7.50 s: 410 jobs / (95.0/s done - 40.0/s new)": {Known: true, Depth: 412, Before: 2, Seconds: 8.1, Foretold: true, Forecast: 7.5, Done: 95, New: 40},
		"a backlog of 9 jobs had not drained after 30.00 s; why":                                                                   {Depth: 9, Seconds: 30, Why: "why"},
		"how a backlog drained: there was no backlog":                                                                              {Known: true, Why: "there was no backlog"},
	} {
		if got := drainNote(d); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	known := score.Cost{Known: true, Containers: 12, CPUSeconds: 61.3, Memory: 1.5e9, PerCPU: 4.25, Capacity: score.Capacity{Known: true, Rate: 870, Busy: 0.23, Limit: "web1"}}
	got := strings.Join(costNotes(known), "|")
	if want := "12 containers used 61.3 CPU-seconds over fault and recovery and held 1.5 GB; 1,000 good answers cost 4.25 CPU-seconds|capacity: about 870 requests per second at most, as web1 used 23.00 % of its processors in the baseline"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got := costNotes(score.Cost{Containers: 3, Why: "only 2 said", Capacity: score.Capacity{Why: "nobody said"}}); len(got) != 2 || got[0] != "3 containers; only 2 said" || got[1] != "capacity unknown: nobody said" {
		t.Errorf("got %q", got)
	}
}
