package worker

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"gauntlet/targetapp/broker"
	"gauntlet/targetapp/jobs"
	"gauntlet/targetapp/logs"
	"gauntlet/targetapp/postgres"
	"gauntlet/targetapp/tracing"
)

// traceKeeper keeps the trace in which jobs are done.
type traceKeeper struct{ trace string }

func (r *traceKeeper) Record(ctx context.Context, _ postgres.Job) (bool, error) {
	r.trace = tracing.ID(ctx)
	return true, nil
}

// A write's trace goes on through the broker to the worker, which works and logs in it.
func TestTraceGoesThroughTheBroker(t *testing.T) {
	var out, log bytes.Buffer
	stop, err := tracing.Start(t.Context(), tracing.Config{}, "worker", "worker1", &out)
	if err != nil {
		t.Fatal(err)
	}
	const id, parent = "0af7651916cd43dd8448eb211c80319c", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	to := &fakePublisher{lose: "2"}
	if _, err := relay(t.Context(), &fakeOutbox{jobs: []postgres.Job{{ID: 1, Trace: parent}, {ID: 2, Trace: parent}, {ID: 3}}}, to); err == nil {
		t.Error("a message that is not confirmed is no error")
	}
	if len(to.traces) != 2 || !strings.Contains(to.traces[0], id) || to.traces[0] == parent {
		t.Errorf("messages carry %v, want the trace from the span of their sending on", to.traces)
	}
	rec := &traceKeeper{}
	w := &worker{doer: jobs.Doer{Record: rec}, log: logs.New(&log, "worker", "worker1"), counts: newCounts()}
	w.throttle.PerSecond = 5
	w.handle(t.Context(), broker.Message{ID: "1", Attempt: 1, Body: []byte(`{"id":1,"kind":"post"}`), Trace: to.traces[0]})
	w.handle(t.Context(), broker.Message{ID: "1", Attempt: 1, Body: []byte(`{"id":1,"kind":"nonsense"}`), Trace: to.traces[0]})
	if err := stop(context.Background()); err != nil {
		t.Fatal(err)
	}
	if rec.trace != id || !strings.Contains(log.String(), `"trace_id":"`+id+`"`) || !strings.Contains(log.String(), `"request_id":"job 1"`) {
		t.Errorf("done in trace %q, logged %s; want %s", rec.trace, log.String(), id)
	}
	spans := strings.Split(strings.TrimSpace(out.String()), "\n")
	failed := 0
	for _, s := range spans {
		if !strings.Contains(s, `"traceId":"`+id+`"`) {
			t.Errorf("another trace: %s", s)
		}
		if strings.Contains(s, `"code":2`) {
			failed++
		}
	}
	if len(spans) != 4 || failed != 2 {
		t.Errorf("%d spans, %d failed; want two sent, one of them not confirmed, and two processed, one of them in vain:\n%s", len(spans), failed, out.String())
	}
}
