package monitor

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// exported are the series that the containers of the rung queued have, as a Prometheus beside it had them: recorded by a test of
// cmd/gauntlet on the running rung (-long -update).
const exported = "testdata/series.txt"

// dashboard is what is read of a Grafana dashboard.
type dashboard struct {
	UID, Title string
	Panels     []struct {
		Title   string
		Targets []struct{ Expr string }
	}
}

func dashboards(t *testing.T) map[string]dashboard {
	t.Helper()
	names, err := filepath.Glob("../../compose/dashboards/*.json")
	if err != nil || len(names) == 0 {
		t.Fatalf("no dashboards: %v", err)
	}
	all := map[string]dashboard{}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var d dashboard
		if err := json.Unmarshal(text, &d); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		all[strings.TrimSuffix(filepath.Base(name), ".json")] = d
	}
	return all
}

// Each query of each dashboard is one that Prometheus reads, and asks for series that a container exports or a rule makes: a
// panel that stays empty for ever is worse than none.
func TestDashboardsAskForWhatThereIs(t *testing.T) {
	text, err := os.ReadFile(exported)
	if err != nil {
		t.Fatal(err)
	}
	there := strings.Fields(string(text))
	rules, err := Beside(1, true, true)
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range rules.groups {
		for _, r := range g.rules {
			if r.Record != "" {
				there = append(there, r.Record)
			}
		}
	}
	for _, tier := range []string{"web", "lb", "database", "cache", "cdn", "queue", "business"} {
		if len(dashboards(t)[tier].Panels) == 0 {
			t.Errorf("there is no dashboard of %s", tier)
		}
	}
	for name, d := range dashboards(t) {
		for _, p := range d.Panels {
			for _, q := range p.Targets {
				expr, err := promql.ParseExpr(q.Expr)
				if err != nil {
					t.Errorf("%s: %s: %v", name, p.Title, err)
					continue
				}
				for _, series := range selected(expr) {
					if !slices.Contains(there, series) {
						t.Errorf("%s: %s asks for %s, which no container exports", name, p.Title, series)
					}
				}
			}
		}
	}
}

// What the rules beside a topology read is there as well.
func TestBesideReadsWhatThereIs(t *testing.T) {
	text, err := os.ReadFile(exported)
	if err != nil {
		t.Fatal(err)
	}
	there := strings.Fields(string(text))
	for _, balanced := range []bool{true, false} {
		rules, err := Beside(1, true, balanced)
		if err != nil {
			t.Fatal(err)
		}
		for _, alert := range rules.Alerts() {
			for _, series := range rules.Reads(alert) {
				if !slices.Contains(there, series) {
					t.Errorf("%s reads %s, which no container exports", alert, series)
				}
			}
		}
	}
}
