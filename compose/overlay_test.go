package compose

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestWith(t *testing.T) {
	top, err := Lookup("replicated")
	if err != nil {
		t.Fatal(err)
	}
	got, err := top.With("observability", "observability")
	if err != nil {
		t.Fatal(err)
	}
	if got.Name != top.Name || got.Entry != top.Entry || len(got.Services) != len(top.Services)+2 || len(got.Files) != len(top.Files)+1 || len(top.Overlays) != 0 {
		t.Errorf("%+v with an overlay is %+v", top, got)
	}
	if !slices.Equal(got.Overlays, []string{"observability"}) || !slices.Contains(got.Targets, "alertmanager") || !slices.Contains(got.Tiers, "monitor") {
		t.Errorf("overlays %v, targets %v, tiers %v", got.Overlays, got.Targets, got.Tiers)
	}
	if _, err := top.With("replicated"); !errors.Is(err, ErrNoTopology) || !strings.Contains(err.Error(), "observability") {
		t.Errorf("a topology as an overlay: %v, want ErrNoTopology and what there is", err)
	}
	if _, err := Lookup("observability"); !errors.Is(err, ErrNoTopology) {
		t.Errorf("an overlay as a topology: %v, want ErrNoTopology", err)
	}
}

// Everything that says where its metrics are is scraped, at its fixed address, under the names that a run gives it.
func TestPrometheusScrapesTheTopology(t *testing.T) {
	top, err := Lookup("queued")
	if err != nil {
		t.Fatal(err)
	}
	text, err := top.prometheus("10.213.7", 1500*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	var c promConfig
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		t.Fatal(err)
	}
	if c.Global["scrape_interval"] != "1500ms" || c.Global["scrape_timeout"] != "1500ms" {
		t.Errorf("global %v", c.Global)
	}
	found := map[string]promScrape{}
	for _, s := range c.Scrape {
		found[s.Job] = s
	}
	for service, s := range laid(t, top) {
		where := strings.Fields(s.Labels[LabelMetrics])
		got, ok := found[service]
		if ok != (len(where) == 2) {
			t.Errorf("%s is scraped: %v, its label is %v", service, ok, where)
		}
		if !ok {
			continue
		}
		group := got.Static[0]
		if got.Path != where[1] || !strings.HasPrefix(group.Targets[0], "10.213.7.") || !strings.HasSuffix(group.Targets[0], ":"+where[0]) {
			t.Errorf("%s is scraped at %s%s, its label is %v", service, group.Targets[0], got.Path, where)
		}
		if group.Labels["instance"] != service || group.Labels["job"] != s.Labels[LabelTier] {
			t.Errorf("%s is scraped as %v", service, group.Labels)
		}
	}
	if detail := found["rabbit1-queues"]; detail.Path != "/metrics/detailed" || len(detail.Params["family"]) != 1 {
		t.Errorf("the queues are scraped as %+v", detail)
	}
}
