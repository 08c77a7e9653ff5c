package run

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"gauntlet/compose"
	"gauntlet/experiments/history"
	"gauntlet/experiments/spec"
	"gauntlet/loadgen"
	"gauntlet/loadgen/outpost"
)

// place serves an outpost of a region and returns the container that it would be in.
func place(t *testing.T, region, base string) compose.Container {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var run sync.WaitGroup
	run.Go(func() { _ = outpost.Serve(ctx, l, outpost.Place{Base: base}) })
	t.Cleanup(func() { cancel(); run.Wait() })
	return compose.Container{Name: "client-" + region, IP: "10.0.0.5", Clients: region, Ports: map[int]string{9100: l.Addr().String()}}
}

// What clients in regions send is planned in the header, recorded in one history and counted as planned.
func TestLoadFromRegions(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer srv.Close()
	load := loadgen.Profile{Rate: 100, Timeout: time.Second, Limit: time.Second, Connections: 100, Users: 1, Seed: 1, Ops: []loadgen.Op{
		{Name: "get", Class: "read", Weight: 1, Request: loadgen.Request{Method: "GET", Path: "/"}},
	}, Clients: []loadgen.Away{{Region: "a", Share: 1, DNS: loadgen.DNSTTL}, {Region: "b", Share: 1, DNS: loadgen.DNSTTL}, {Region: "b", Class: "held", Share: 2, DNS: loadgen.DNSHold}}}
	origin := time.Now()
	r := &runner{exp: spec.Experiment{Load: load, Phases: spec.Phases{Recovery: time.Second}}, origin: origin, on: []compose.Container{place(t, "a", srv.URL), place(t, "b", srv.URL)}}
	ops, regions := opsOf(load)
	if len(ops) != 2 || ops[0].Rate != 50 || ops[1].Name != "held-get" || ops[1].Rate != 50 || len(regions) != 3 || regions[2].Rate != 50 {
		t.Errorf("operations %+v, regions %+v", ops, regions)
	}
	dir := filepath.Join(t.TempDir(), "run")
	w, err := history.Create(dir, history.Header{Version: history.Version, Ops: ops, Regions: regions})
	if err != nil {
		t.Fatal(err)
	}
	rec := &recorder{Writer: w, origin: origin, limit: time.Second, gauges: newGauges(), vigil: newVigil(load), say: func(string) {}}
	planned, err := r.loadAway(t.Context(), rec, loadgen.Sessions{}, 200*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Close(history.End{Planned: planned}); err != nil {
		t.Fatal(err)
	}
	h, err := history.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]uint64{}
	for s, err := range h.Samples() {
		if err != nil {
			t.Fatal(err)
		}
		got[s.Region+" "+s.Op]++
	}
	if got["a get"]+got["b get"] != planned["get"] || got["b held-get"] != planned["held-get"] || planned["get"]+planned["held-get"] != 100 || len(got) != 3 {
		t.Errorf("recorded %v, planned %v", got, planned)
	}
}

func TestLoadFromARegionWithoutClients(t *testing.T) {
	r := &runner{origin: time.Now()}
	if _, err := r.from(t.Context(), nil, loadgen.Away{Region: "q"}, outpost.Order{}, nil); err == nil {
		t.Error("no error")
	}
}

// Whom a name server is asked about: each region's clients, by their address.
func TestLookupsOfANameServer(t *testing.T) {
	on := []compose.Container{{Name: "dns", Probe: "dns", Names: "www.app.test", IP: "10.0.0.53"}, {Name: "client-a", Clients: "a", IP: "10.0.0.5"}, {Name: "lb-a", IP: "10.0.0.11"}}
	e := watchOf(compose.Topology{}, on).Endpoints[0]
	if len(e.Lookups) != 1 || e.Lookups[0].Region != "a" || e.Lookups[0].From.String() != "10.0.0.5" || e.Sites["10.0.0.11"] != "lb-a" {
		t.Errorf("%+v", e)
	}
}
