package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"gauntlet/targetapp/broker"
	"gauntlet/targetapp/jobs"
	"gauntlet/targetapp/postgres"
)

// fakeOutbox and fakePublisher are the two ends of the relay.
type fakeOutbox struct {
	jobs    []postgres.Job
	dropped []int64
	givenUp []int64
	err     error
}

func (f *fakeOutbox) Take(context.Context, int) ([]postgres.Job, error) { return f.jobs, f.err }
func (f *fakeOutbox) HandedOver(_ context.Context, ids []int64) error {
	f.dropped = append(f.dropped, ids...)
	return nil
}

func (f *fakeOutbox) GiveUp(_ context.Context, id int64) error {
	f.givenUp = append(f.givenUp, id)
	return nil
}

type fakePublisher struct {
	lose string // the id of a message that is not confirmed
	got  []string

	traces []string
}

func (f *fakePublisher) Publish(_ context.Context, all []broker.Message) (confirmed []string, err error) {
	for _, m := range all {
		f.got = append(f.got, m.ID)
		if m.Trace != "" {
			f.traces = append(f.traces, m.Trace)
		}
		if m.ID == f.lose {
			err = broker.ErrUnconfirmed
			continue
		}
		confirmed = append(confirmed, m.ID)
	}
	return confirmed, err
}

// What the broker did not confirm stays in the outbox; what it confirmed leaves it, also beside a failure.
func TestRelayDropsOnlyWhatIsConfirmed(t *testing.T) {
	from, to := &fakeOutbox{jobs: []postgres.Job{{ID: 1}, {ID: 2}, {ID: 3}}}, &fakePublisher{lose: "2"}
	n, err := relay(t.Context(), from, to)
	if n != 3 || !errors.Is(err, broker.ErrUnconfirmed) || !slices.Equal(from.dropped, []int64{1, 3}) || len(to.got) != 3 {
		t.Errorf("%d jobs, %v, dropped %v, published %v; want 3, ErrUnconfirmed, dropped 1 and 3", n, err, from.dropped, to.got)
	}
	if n := len(to.traces); n != 0 {
		t.Errorf("%d messages carry a trace of jobs that are not followed", n)
	}
	from = &fakeOutbox{err: postgres.ErrNoEffect}
	if n, err := relay(t.Context(), from, to); n != 0 || !errors.Is(err, postgres.ErrNoEffect) {
		t.Errorf("without a database: %d, %v", n, err)
	}
}

func TestJudge(t *testing.T) {
	late := context.DeadlineExceeded
	for _, c := range []struct {
		attempt int
		first   bool
		err     error
		want    verdict
	}{
		{1, true, nil, verdict{outcome: "done"}},
		{1, false, nil, verdict{outcome: "again"}},
		{1, false, late, verdict{"retry", 500 * time.Millisecond}},
		{3, false, late, verdict{"retry", 8 * time.Second}},
		{4, false, late, verdict{"retry", 8 * time.Second}},
		{4, false, errors.New("odd"), verdict{outcome: "dead"}},
		{1, false, fmt.Errorf("x: %w", jobs.ErrHopeless), verdict{outcome: "dead"}},
	} {
		if got := judge(c.attempt, c.first, c.err); got != c.want {
			t.Errorf("judge(%d, %v, %v) = %+v, want %+v", c.attempt, c.first, c.err, got, c.want)
		}
	}
}

type recorder struct{ done map[int64]int }

func (r *recorder) Record(_ context.Context, j postgres.Job) (bool, error) {
	r.done[j.ID]++
	return r.done[j.ID] == 1, nil
}

func newWorker(rec *recorder) *worker {
	return &worker{doer: jobs.Doer{Record: rec}, log: slog.New(slog.DiscardHandler), counts: newCounts()}
}

func TestHandle(t *testing.T) {
	rec := &recorder{done: map[int64]int{}}
	w := newWorker(rec)
	for _, c := range []struct{ body, want string }{
		{`{"id":5,"kind":"post","ref":"9"}`, "done"},
		{`{"id":5,"kind":"post","ref":"9"}`, "again"},
		{`{"id":6,"kind":"dance"}`, "dead"},
		{`poison`, "dead"},
		{`{}`, "dead"},
	} {
		if got := w.handle(t.Context(), broker.Message{Body: []byte(c.body), Attempt: 1}); got.outcome != c.want {
			t.Errorf("%s: %s, want %s", c.body, got.outcome, c.want)
		}
	}
}

func TestReadiness(t *testing.T) {
	w := newWorker(&recorder{})
	for _, serving := range []bool{false, true} {
		w.serving.Store(serving)
		rec := httptest.NewRecorder()
		w.handler().ServeHTTP(rec, httptest.NewRequest("GET", "/ready", nil))
		if (rec.Code == 200) != serving {
			t.Errorf("serving %v: ready answers %d", serving, rec.Code)
		}
	}
	rec := httptest.NewRecorder()
	w.handler().ServeHTTP(rec, httptest.NewRequest("GET", "/metrics", nil))
	if !strings.Contains(rec.Body.String(), `app_jobs_total{outcome="dead"} 0`) {
		t.Error("the count of dead jobs does not begin at 0")
	}
}

func TestReadConfig(t *testing.T) {
	_, err := readConfig(func(string) string { return "" })
	for _, want := range []string{"APP_NAME", "APP_DATABASES", "APP_BROKERS"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v does not name %s", err, want)
		}
	}
}

// A job that was laid aside is kept in the outbox no longer; a message that is no job is none of the outbox's.
func TestGiveUp(t *testing.T) {
	out := &fakeOutbox{}
	w := &worker{outbox: out}
	for _, id := range []string{"7", "no job"} {
		if err := w.giveUp(t.Context(), id); err != nil {
			t.Errorf("%s: %v", id, err)
		}
	}
	if !slices.Equal(out.givenUp, []int64{7}) {
		t.Errorf("gave up %v, want 7 alone", out.givenUp)
	}
}
