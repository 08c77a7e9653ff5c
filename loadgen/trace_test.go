package loadgen

import (
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"
)

// Each request is sent under the trace id that its sample stands for, and no two have the same.
func TestEveryRequestHasItsTraceID(t *testing.T) {
	var mu sync.Mutex
	got := map[string]bool{}
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		h := r.Header.Get("traceparent")
		if len(h) != 55 || h[:3] != "00-" || h[35] != '-' || h[52:] != "-00" {
			t.Errorf("traceparent %q", h)
			return
		}
		got[h[3:35]] = true
	}))
	defer s.Close()
	p := Profile{Rate: 100, Timeout: time.Second, Limit: time.Second, Connections: 4, Ops: []Op{
		{Name: "a", Class: "read", Weight: 1, Request: Request{Method: "GET", Path: "/a"}}, {Name: "b", Class: "read", Weight: 1, Request: Request{Method: "GET", Path: "/b"}},
	}}
	origin := time.Now()
	want := map[string]bool{}
	rep, err := Run(t.Context(), p, Target{Base: s.URL, Origin: origin, Start: 10 * time.Millisecond, Length: 300 * time.Millisecond}, func(s Sample) {
		if s.Out == OK {
			want[TraceID(origin, s.Op, s.Region, s.Due)] = true
		}
	})
	if err != nil || len(want) == 0 || uint64(len(want)) > rep.Planned["a"]+rep.Planned["b"] {
		t.Fatalf("%d samples of %v planned, %v", len(want), rep.Planned, err)
	}
	for id := range want {
		if !got[id] {
			t.Errorf("nothing was sent under %s", id)
		}
	}
	if uint64(len(got)) != rep.Planned["a"]+rep.Planned["b"] {
		t.Errorf("%d trace ids for %v requests", len(got), rep.Planned)
	}
}

// The second half is even enough to draw by: of ids in a row about half are below the middle.
func TestTraceIDsAreMixed(t *testing.T) {
	low := 0
	const n = 4000
	for i := range n {
		if id := traceID(time.Unix(1, 0), "feed", "", time.Duration(i)*5*time.Millisecond); id[8] < 128 {
			low++
		}
	}
	if low < n*45/100 || low > n*55/100 {
		t.Errorf("%d of %d are below the middle", low, n)
	}
}
