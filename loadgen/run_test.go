package loadgen

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"runtime"
	"runtime/pprof"
	"strings"
	"testing"
	"time"

	"gauntlet/cmd/exclusive"
	"gauntlet/loadgen/faketarget"
)

// TestMain fails when a test leaves a goroutine behind.
func TestMain(m *testing.M) {
	release := exclusive.Acquire()
	before := runtime.NumGoroutine()
	code := m.Run()
	release()
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	for end := time.Now().Add(3 * time.Second); runtime.NumGoroutine() > before; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			fmt.Fprintf(os.Stderr, "%d goroutines before the tests, %d after:\n", before, runtime.NumGoroutine())
			_ = pprof.Lookup("goroutine").WriteTo(os.Stderr, 1)
			os.Exit(1)
		}
	}
	os.Exit(code)
}

func fake(t testing.TB) *faketarget.Server {
	t.Helper()
	s, err := faketarget.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func profileOf(rate float64, ops ...Op) Profile {
	return Profile{Rate: rate, Timeout: time.Second, Limit: 500 * time.Millisecond, Connections: 64, Seed: 1, Ops: ops}
}

var (
	readOp  = Op{Name: "read", Class: "read", Weight: 1, Request: Request{Method: "GET", Path: "/feed"}}
	writeOp = Op{Name: "create", Class: "write", Weight: 1, Ledger: true, Request: Request{Method: "POST", Path: "/posts", Header: map[string]string{"X-Op-Id": "{{id}}"}, Body: `{"text":"{{id}}"}`}}
)

// load runs a profile from now on and returns all samples.
func load(ctx context.Context, t testing.TB, p Profile, url string, length time.Duration) ([]Sample, Report, error) {
	t.Helper()
	var out []Sample
	rep, err := Run(ctx, p, Target{Base: url, Origin: time.Now(), Start: 20 * time.Millisecond, Length: length}, func(s Sample) { out = append(out, s) })
	return out, rep, err
}

func count(samples []Sample) map[Outcome]int {
	out := map[Outcome]int{}
	for _, s := range samples {
		out[s.Out]++
	}
	return out
}

func TestEveryPlannedRequestEndsOnce(t *testing.T) {
	s := fake(t)
	p := profileOf(500, readOp, writeOp)
	p.Timeout = 10 * time.Second // a busy machine is no failure
	got, rep, err := load(t.Context(), t, p, s.URL(), time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if rep.Planned["read"] != 250 || rep.Planned["create"] != 250 || len(got) != 500 {
		t.Errorf("planned %v, %d samples; want 250 of each and 500", rep.Planned, len(got))
	}
	if c := count(got); c[OK] != 500 {
		t.Errorf("outcomes %v, want 500 OK", c)
	}
	ids := map[uint64]bool{}
	for _, x := range got {
		if x.Op == "create" {
			ids[x.ID] = true
		}
		if x.Sent < x.Due || x.End < x.Sent || x.Server != "fake" || x.Code != 200 {
			t.Fatalf("odd sample %+v", x)
		}
	}
	for id := uint64(1); id <= 250; id++ {
		if !ids[id] {
			t.Errorf("ledger id %d is missing", id)
		}
	}
}

func TestCancelEndsAtOnceAndSumsMatch(t *testing.T) {
	s := fake(t)
	if err := s.Set(faketarget.Behaviour{Mode: faketarget.Hang}); err != nil {
		t.Fatal(err)
	}
	p := profileOf(200, readOp, writeOp)
	p.Timeout, p.Connections = 20*time.Second, 10
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	begin := time.Now()
	got, rep, err := load(ctx, t, p, s.URL(), time.Hour)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v, want the context's", err)
	}
	if took := time.Since(begin); took > 3*time.Second {
		t.Errorf("took %v to end", took)
	}
	if sum := rep.Planned["read"] + rep.Planned["create"]; int(sum) != len(got) || sum == 0 || sum > 200 {
		t.Errorf("planned %v, %d samples", rep.Planned, len(got))
	}
	c := count(got)
	if c[Fail] != 10 || c[Info] != 10 || c[OK] != 0 {
		t.Errorf("outcomes %v, want 10 reads fail, 10 writes unknown, all others missed", c)
	}
}

func TestBadProfiles(t *testing.T) {
	noLedger := writeOp
	noLedger.Ledger = false
	token := readOp
	token.Request.Header = map[string]string{"Authorization": "Bearer {{token}}"}
	for _, tt := range []struct {
		name, want string
		p          Profile
		base       string
	}{
		{"rate", "rate", profileOf(0, readOp), "http://x"},
		{"ops", "no operations", profileOf(1), "http://x"},
		{"base", "base URL", profileOf(1, readOp), "localhost:80"},
		{"twice", "two ops", profileOf(1, readOp, readOp), "http://x"},
		{"id", "ledger", profileOf(1, noLedger), "http://x"},
		{"token", "user", profileOf(1, token), "http://x"},
	} {
		_, err := Run(t.Context(), tt.p, Target{Base: tt.base, Origin: time.Now(), Length: time.Second}, func(Sample) { t.Error("sent") })
		if !errors.Is(err, ErrProfile) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error %v, want ErrProfile with %q", tt.name, err, tt.want)
		}
	}
}
