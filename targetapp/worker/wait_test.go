package worker

import (
	"testing"
	"time"

	"gauntlet/targetapp/broker"
)

// Only first attempts say how long the broker had a job: a repetition waits for its time to come.
func TestWaitInTheBrokerIsObserved(t *testing.T) {
	w := &worker{counts: newCounts()}
	ago := time.Now().Add(-20 * time.Second)
	for _, m := range []broker.Message{{Attempt: 1, Published: ago}, {Attempt: 1}, {Attempt: 2, Published: ago}} {
		w.observeWait(m)
	}
	all, err := w.counts.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range all {
		if f.GetName() != "app_job_broker_wait_seconds" {
			continue
		}
		if h := f.GetMetric()[0].GetHistogram(); h.GetSampleCount() != 1 || h.GetSampleSum() < 20 || h.GetSampleSum() > 60 {
			t.Errorf("observed %d waits of %g s, want one of 20 s", h.GetSampleCount(), h.GetSampleSum())
		}
		return
	}
	t.Error("there is no such metric")
}
