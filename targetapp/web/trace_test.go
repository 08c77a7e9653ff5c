package web

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"

	"gauntlet/targetapp/logs"
	"gauntlet/targetapp/postgres"
	"gauntlet/targetapp/session"
	"gauntlet/targetapp/token"
	"gauntlet/targetapp/tracing"
)

// A request that fails leaves its span although it was not drawn, under the trace id and request id of the log line about it, and in
// an outage only a few do.
func TestFailedRequestLeavesItsSpan(t *testing.T) {
	var out, log bytes.Buffer
	stop, err := tracing.Start(t.Context(), tracing.Config{}, "web", "web1", &out)
	if err != nil {
		t.Fatal(err)
	}
	store := &fakeStore{}
	s := newServer(t, store, &fakeRoutes{postgres.Route{Primary: "db2"}})
	s.log = logs.New(&log, "web", "web1")
	do(s, "GET", "/feed", "")
	store.err = fmt.Errorf("late: %w", context.DeadlineExceeded)
	for range 50 {
		do(s, "POST", "/posts", `{"text":"a"}`, "Authorization", bearer(t, s), "X-Op-Id", "12", "X-Request-Id", "r1")
	}
	if err := stop(context.Background()); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(out.String(), "\n"); n < 5 || n > 15 {
		t.Errorf("%d spans of 50 failed requests, want 5 a second", n)
	}
	var line struct {
		RequestID string `json:"request_id"`
		TraceID   string `json:"trace_id"`
		User      string `json:"user_id"`
	}
	first, _, _ := strings.Cut(log.String(), "\n")
	if err := json.Unmarshal([]byte(first), &line); err != nil || line.RequestID != "r1" || line.User != "7" || line.TraceID == "" {
		t.Fatalf("log line %s: %v", first, err)
	}
	span, _, _ := strings.Cut(out.String(), "\n")
	for _, want := range []string{line.TraceID, `"name":"POST /posts"`, `"kind":2`, `{"key":"http.response.status_code","value":{"intValue":"504"}}`,
		`{"key":"app.op_id","value":{"stringValue":"12"}}`, `{"key":"app.request_id","value":{"stringValue":"r1"}}`, `"code":2`, `"app.late"`} {
		if !strings.Contains(span, want) {
			t.Errorf("no %s in the span %s", want, span)
		}
	}
}

// Health checks are most requests and nobody's.
func TestHealthChecksAreNotFollowed(t *testing.T) {
	var out bytes.Buffer
	stop, err := tracing.Start(t.Context(), tracing.Config{Ratio: 1}, "web", "web1", &out)
	if err != nil {
		t.Fatal(err)
	}
	s := newServer(t, &fakeStore{}, &fakeRoutes{})
	for _, path := range []string{"/health", "/ready", "/route", "/metrics", "/feed"} {
		do(s, "GET", path, "")
	}
	if err := stop(context.Background()); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(out.String(), "\n"); n != 1 || !strings.Contains(out.String(), `"http.route","value":{"stringValue":"GET /feed"}`) {
		t.Errorf("%d spans: %s, want that of the feed", n, out.String())
	}
}

// BenchmarkRequest is what the handler of a feed takes without tracing, and with shares of requests followed.
func BenchmarkRequest(b *testing.B) {
	signer, err := token.NewSigner("0123456789abcdef")
	if err != nil {
		b.Fatal(err)
	}
	for _, ratio := range []float64{-1, 0, 0.01, 1} {
		b.Run(fmt.Sprintf("ratio=%g", ratio), func(b *testing.B) {
			if ratio >= 0 {
				stop, err := tracing.Start(b.Context(), tracing.Config{Ratio: ratio}, "web", "web1", io.Discard)
				if err != nil {
					b.Fatal(err)
				}
				defer stop(context.Background())
			}
			s := New("web1", &fakeStore{}, &fakeRoutes{}, session.Signed{Signer: signer}, slog.New(slog.DiscardHandler))
			b.ReportAllocs()
			for n := uint64(0); b.Loop(); n++ {
				r := httptest.NewRequest("GET", "/feed", nil)
				r.Header.Set("traceparent", fmt.Sprintf("00-%016x%016x-00000000000000aa-00", 1, n*0x9e3779b97f4a7c15))
				s.ServeHTTP(httptest.NewRecorder(), r)
			}
		})
	}
}
