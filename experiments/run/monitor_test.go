package run

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gauntlet/compose"
	"gauntlet/experiments/history"
	"gauntlet/experiments/monitor"
	"gauntlet/experiments/probe"
	"gauntlet/experiments/spec"
)

func TestNamedMetricsMustBeThere(t *testing.T) {
	on := []compose.Container{
		{Name: "api-1", Service: "api", Ports: map[int]string{9100: "127.0.0.1:4001"}}, {Name: "api-2", Service: "api", Ports: map[int]string{9100: "127.0.0.1:4002"}},
		{Name: "db", Service: "db", Tier: "db", Metrics: "9187 /metrics", Ports: map[int]string{9187: "127.0.0.1:4003"}},
	}
	got, err := targetsNamed([]spec.Scrape{{Service: "api", Port: 9100, Path: "/m"}, {Service: "db", Port: 9187, Path: "/metrics"}}, on)
	want := []monitor.Target{{Job: "api", Instance: "api-1", URL: "http://127.0.0.1:4001/m"}, {Job: "api", Instance: "api-2", URL: "http://127.0.0.1:4002/m"}, {Job: "db", Instance: "db", URL: "http://127.0.0.1:4003/metrics"}}
	if err != nil || len(got) != 3 || got[0] != want[0] || got[1] != want[1] || got[2] != want[2] {
		t.Errorf("targets %v, error %v; want %v", got, err, want)
	}
	if all := once(append(targetsOf(on), got...)); len(all) != 3 {
		t.Errorf("%v: a container that its labels name is scraped twice", all)
	}
	_, err = targetsNamed([]spec.Scrape{{Service: "api", Port: 1}, {Service: "cache", Port: 9100}}, on)
	if !errors.Is(err, errScrape) || !strings.Contains(err.Error(), "port 1 of api-2 is not published") || !strings.Contains(err.Error(), "no container of service cache") {
		t.Errorf("error %v, want all that is wrong", err)
	}
}

// A query is asked after each scrape; what it says is recorded, and a gap where it says nothing.
func TestQueriesAreRecorded(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("waiting{queue=\"a\"} 7\nwaiting{queue=\"b\"} 2\n"))
	}))
	defer srv.Close()
	dir := t.TempDir()
	w, err := history.Create(filepath.Join(dir, "rec"), history.Header{Version: history.Version})
	if err != nil {
		t.Fatal(err)
	}
	store, err := monitor.Open(filepath.Join(dir, "prometheus"))
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	rules, err := monitor.Parse(nil, 1)
	if err != nil {
		t.Fatal(err)
	}
	m := &monitored{
		store: store, eval: monitor.NewEvaluator(store, rules), gauges: &seriesOf{last: map[[2]string]probe.Point{}},
		scraper: monitor.NewScraper(store, []monitor.Target{{Job: "api", Instance: "api-1", URL: srv.URL}}, time.Second),
		probes:  []spec.Probe{{Name: "sum", Query: "sum(waiting)"}, {Name: "each", Query: "sum by (queue) (waiting)"}, {Name: "none", Query: "nothing"}, {Name: "nan", Query: "0/0"}},
	}
	defer m.scraper.Close()
	rec := &recorder{Writer: w, origin: time.Now().Add(-time.Second)}
	if err := m.once(t.Context(), rec); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(history.End{}); err != nil {
		t.Fatal(err)
	}
	h, err := history.Open(filepath.Join(dir, "rec"))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]probe.Point{}
	for p, err := range h.Points() {
		if err != nil {
			t.Fatal(err)
		}
		got[p.Target] = p
	}
	if len(got) != 5 || got["sum"].Value != 9 || got[`each{queue="a"}`].Value != 7 || got[`each{queue="b"}`].Value != 2 || got["none"].Err == "" || got["nan"].Err == "" || got["sum"].At < time.Second {
		t.Errorf("points %+v", got)
	}
}
