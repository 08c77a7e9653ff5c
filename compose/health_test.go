package compose

import (
	"encoding/json"
	"testing"
	"time"
)

// No two services of a topology are checked at the same time, and each part that runs for long is checked.
func TestHealthChecksAreSpread(t *testing.T) {
	for _, top := range withOverlays(t) {
		text, err := top.health()
		if err != nil {
			t.Fatal(err)
		}
		var f struct {
			Services map[string]struct{ Healthcheck struct{ Interval string } }
		}
		if err := json.Unmarshal(text, &f); err != nil {
			t.Fatal(err)
		}
		seen := map[time.Duration]string{}
		for name, s := range f.Services {
			every, err := time.ParseDuration(s.Healthcheck.Interval)
			if err != nil || every < healthEvery || seen[every] != "" {
				t.Errorf("%s: %s is checked every %q (%v), as is %q", top.Name, name, s.Healthcheck.Interval, err, seen[every])
			}
			seen[every] = name
		}
		for _, name := range top.Services {
			if f.Services[name].Healthcheck.Interval == "" && name != "seed" {
				t.Errorf("%s: %s has no health check", top.Name, name)
			}
		}
	}
}
