package outpost

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"gauntlet/loadgen"
)

// start serves an outpost whose clients reach the system at base.
func start(t *testing.T, base string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var run sync.WaitGroup
	run.Go(func() { _ = Serve(ctx, l, Place{Base: base}) })
	t.Cleanup(func() { cancel(); run.Wait() })
	return l.Addr().String()
}

func profile() loadgen.Profile {
	return loadgen.Profile{Rate: 100, Timeout: time.Second, Limit: 500 * time.Millisecond, Connections: 100, Users: 1, Seed: 1, Ops: []loadgen.Op{
		{Name: "read", Class: "read", Weight: 1, Request: loadgen.Request{Method: "GET", Path: "/"}},
		{Name: "write", Class: "write", Weight: 1, Ledger: true, Request: loadgen.Request{Method: "POST", Path: "/{{id}}"}},
	}}
}

// Two parts of a load come home whole, in the run's own time, and share no ledger id.
func TestPartsComeHome(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer srv.Close()
	addr := start(t, srv.URL)
	origin := time.Now().Add(-time.Hour)
	parts, err := profile().Spread([]loadgen.Away{{Region: "a", Share: 3, DNS: loadgen.DNSTTL}, {Region: "b", Share: 1, Class: "held", DNS: loadgen.DNSHold, Hold: time.Minute}})
	if err != nil {
		t.Fatal(err)
	}
	begin := time.Since(origin) + 300*time.Millisecond
	var mu sync.Mutex
	ids, ops := map[uint64]int{}, map[string]int{}
	var all sync.WaitGroup
	for i, region := range []string{"a", "b"} {
		all.Go(func() {
			p, err := Dial(t.Context(), addr, origin)
			if err != nil {
				t.Error(err)
				return
			}
			defer p.Close()
			o := Order{Profile: parts[i], Region: region, FirstID: uint64(i + 1), IDStep: 2, Start: begin, Length: time.Second}
			rep, err := p.Run(t.Context(), o, func(s loadgen.Sample) {
				mu.Lock()
				defer mu.Unlock()
				ops[s.Region+" "+s.Class]++
				if s.ID != 0 {
					ids[s.ID]++
				}
				if s.Due < begin-10*time.Millisecond || s.Due > begin+time.Second+10*time.Millisecond {
					t.Errorf("due at %v, want within a second of %v", s.Due, begin)
				}
			})
			if err != nil || len(rep.Planned) != 2 {
				t.Errorf("%+v, %v", rep, err)
			}
		})
	}
	all.Wait()
	a, b := ops["a read"]+ops["a write"], ops["b held-read"]+ops["b held-write"]
	if a < 74 || a > 77 || b < 24 || b > 27 || len(ops) != 4 {
		t.Errorf("samples %v, want about 75 of region a and 25 of region b, by class", ops)
	}
	for id, n := range ids {
		if n > 1 {
			t.Errorf("ledger id %d was given %d times", id, n)
		}
	}
}

func TestAnOrderThatCantBeCarriedOut(t *testing.T) {
	p, err := Dial(t.Context(), start(t, "nowhere"), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	_, err = p.Run(t.Context(), Order{Profile: profile(), Start: time.Second, Length: time.Second}, func(loadgen.Sample) {})
	if err == nil || errors.Is(err, ErrLost) {
		t.Errorf("got %v, want what is wrong with the order", err)
	}
}

func TestAnOutpostThatDies(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var run sync.WaitGroup
	run.Go(func() { _ = Serve(ctx, l, Place{Base: "http://127.0.0.1:1"}) })
	p, err := Dial(t.Context(), l.Addr().String(), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	time.AfterFunc(300*time.Millisecond, cancel)
	_, err = p.Run(t.Context(), Order{Profile: profile(), Start: 100 * time.Millisecond, Length: time.Minute}, func(loadgen.Sample) {})
	if err == nil {
		t.Error("the load ended well although its outpost died")
	}
	cancel()
	run.Wait()
}
