package monitor

import (
	"slices"
	"strings"
	"testing"
)

// A rule file that was written is read as what it was, and only the alerts that can come true are in it.
func TestBesideIsARuleFile(t *testing.T) {
	for _, c := range []struct {
		replicas, balanced bool
		want               []string
	}{
		{true, true, []string{"HighErrorRatio", "ErrorBudgetBurn", "HighLatency", "ReplicationLag", "WebCPU", "QueueDepth", "TargetDown"}},
		{false, false, []string{"HighLatency", "WebCPU", "QueueDepth", "HighErrorRatioAtWeb", "TargetDown"}},
	} {
		r, err := Beside(10, c.replicas, c.balanced)
		if err != nil {
			t.Fatal(err)
		}
		text, err := r.Text()
		if err != nil {
			t.Fatal(err)
		}
		again, err := Parse([]File{{"again.yaml", text}}, 1)
		if err != nil {
			t.Fatal(err)
		}
		if got := again.Alerts(); !slices.Equal(got, c.want) {
			t.Errorf("alerts %v, want %v", got, c.want)
		}
		if second, err := again.Text(); err != nil || second != text {
			t.Errorf("read and written again: %v\n%s\nwant\n%s", err, second, text)
		}
		if !strings.Contains(text, `"for":"30s"`) || strings.Contains(text, `"for":"5m"`) {
			t.Errorf("the times are not a tenth: %s", text)
		}
	}
}

// What the reference's alerts read beside a topology is made by a rule or exported by a container.
func TestBesideMakesWhatTheReferenceReads(t *testing.T) {
	r, err := Beside(1, true, true)
	if err != nil {
		t.Fatal(err)
	}
	for _, alert := range r.Alerts() {
		for _, name := range r.Reads(alert) {
			if strings.HasPrefix(name, "gauntlet_") {
				t.Errorf("%s reads %s, which no container exports and no rule makes", alert, name)
			}
		}
	}
}
