package monitor

import (
	"slices"
	"strings"
	"testing"
	"time"
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

// The rules make of what containers export the series that the alerts read: the lag while a primary is known, and then no more.
func TestBesideMakesSeries(t *testing.T) {
	r, err := Beside(1, true, true)
	if err != nil {
		t.Fatal(err)
	}
	s := scratch(t)
	eval := NewEvaluator(s, r)
	value := func(expr string, at time.Time) (out []float64) {
		t.Helper()
		vec, err := s.query(t.Context(), expr, at)
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range vec {
			out = append(out, x.F)
		}
		return out
	}
	for sec := range 120 {
		at, primary := origin.Add(time.Duration(sec)*time.Second), 1.0
		if sec >= 90 {
			primary = 0
		}
		var all []Sample
		for _, web := range []string{"web1", "web2"} {
			all = append(all, Sample{"app_database_primary", []string{"instance", web, "job", "web", "node", "db1"}, primary},
				Sample{"app_database_primary", []string{"instance", web, "job", "web", "node", "db2"}, 0},
				Sample{"app_database_lag_seconds", []string{"instance", web, "job", "web", "node", "db2"}, 3},
				Sample{"go_sched_gomaxprocs_threads", []string{"instance", web, "job", "web"}, 2},
				Sample{"process_cpu_seconds_total", []string{"instance", web, "job", "web"}, float64(sec)})
		}
		all = append(all, Sample{"rabbitmq_detailed_queue_messages_ready", []string{"instance", "rabbit1", "job", "queue", "queue", "jobs.work"}, 7},
			Sample{"rabbitmq_detailed_queue_messages_ready", []string{"instance", "rabbit1", "job", "queue", "queue", "jobs.dlq"}, 9})
		if err := s.Append(t.Context(), at, all); err != nil {
			t.Fatal(err)
		}
		if _, err := eval.Eval(t.Context(), at); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		expr string
		sec  int
		want []float64
	}{
		{`gauntlet_replication_lag_seconds{instance="db2"}`, 80, []float64{3}},
		{`gauntlet_replication_lag_seconds`, 119, nil},
		{`gauntlet_queue_depth`, 80, []float64{7}},
		{`gauntlet_web_cpu_ratio`, 80, []float64{0.5, 0.5}},
	} {
		if got := value(c.expr, origin.Add(time.Duration(c.sec)*time.Second)); !slices.Equal(got, c.want) {
			t.Errorf("%s after %d s is %v, want %v", c.expr, c.sec, got, c.want)
		}
	}
}
