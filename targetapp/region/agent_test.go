package region

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// fakePatroni is a region's database cluster as its REST interface shows it.
type fakePatroni struct {
	mu      sync.Mutex
	leader  string // state of the leader, "" for none
	standby any
	patched int
	stray   int64 // timeline of a replica beside the leader, which is on 2; 0: there is none
	renewed int
}

func (f *fakePatroni) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case r.URL.Path == "/cluster":
		role := "leader"
		if f.standby != nil {
			role = "standby_leader"
		}
		stray := ""
		if f.stray > 0 {
			stray = fmt.Sprintf(`, {"name": "db2", "role": "replica", "state": "running", "host": "127.0.0.1", "timeline": %d}`, f.stray)
		}
		fmt.Fprintf(w, `{"members": [{"name": "db1", "role": %q, "state": %q, "host": "10.0.0.9", "timeline": 2}%s]}`, role, f.leader, stray)
	case r.URL.Path == "/reinitialize":
		f.renewed++
	case r.Method == http.MethodPatch:
		var body map[string]any
		_ = json.NewDecoder(r.Body).Decode(&body)
		f.standby = body["standby_cluster"]
		f.patched++
		fmt.Fprint(w, `{}`)
	default:
		_ = json.NewEncoder(w).Encode(map[string]any{"ttl": 3, "standby_cluster": f.standby})
	}
}

func testAgent(t *testing.T, dbs http.Handler) *agent {
	t.Helper()
	srv := httptest.NewServer(dbs)
	t.Cleanup(srv.Close)
	cfg := config{name: "agent-a", region: "a", lease: ttl, patroni: []string{strings.TrimPrefix(srv.URL, "http://")}, source: "10.0.0.1:5000"}
	a := newAgent(cfg, slog.New(slog.DiscardHandler))
	var voters []Ballot
	for range 3 {
		v := NewVoter(0)
		cut := false
		voters = append(voters, near{v, &cut, nil})
	}
	a.lease = NewLease("a", ttl, voters)
	return a
}

func TestTheHolderLeadsAndTheOtherFollows(t *testing.T) {
	dbs := &fakePatroni{leader: "running", standby: map[string]any{"host": "10.0.0.1", "port": 5000}}
	a := testAgent(t, dbs)
	a.steer(t.Context())
	if dbs.patched != 0 {
		t.Fatal("without a lease nothing may be changed")
	}
	if able, follows := a.ability(); !able || !follows {
		t.Fatalf("able %v, follows %v, want both", able, follows)
	}
	a.lease.Renew(t.Context())
	a.steer(t.Context())
	if dbs.standby != nil || dbs.patched != 1 {
		t.Fatalf("the holder's databases still follow %v", dbs.standby)
	}
	a.steer(t.Context())
	if dbs.patched != 1 {
		t.Error("what is so already is set again")
	}
	a.lease = NewLease("a", ttl, nil)
	a.note("b")
	a.steer(t.Context())
	if got := fmt.Sprint(dbs.standby); got != "map[create_replica_methods:[basebackup] host:10.0.0.1 port:5000]" {
		t.Errorf("the databases follow %s", got)
	}
}

func TestARegionWithoutLiveDatabasesAsksForNothing(t *testing.T) {
	dbs := &fakePatroni{leader: "stopped"}
	a := testAgent(t, dbs)
	a.steer(t.Context())
	a.campaign(t.Context())
	if a.lease.Left() > 0 {
		t.Fatal("a region whose databases are down has taken the lease")
	}
	dbs.leader = "running"
	a.steer(t.Context())
	a.campaign(t.Context())
	if a.lease.Left() <= 0 {
		t.Fatal("a region that is set up to write does not take a free lease at once")
	}
	a.alive = time.Now().Add(-ableFor - time.Second)
	before := a.lease.Left()
	a.campaign(t.Context())
	if a.lease.Left() > before {
		t.Error("the lease was renewed although the databases have been dead for long")
	}
}

func TestTheVoterIsAskedOverHTTP(t *testing.T) {
	a := testAgent(t, http.NotFoundHandler())
	a.voter = NewVoter(0)
	srv := httptest.NewServer(a.handler())
	defer srv.Close()
	r := remote{base: srv.URL, client: srv.Client()}
	if v, err := r.Ask(t.Context(), "b", 1, 2*time.Second); err != nil || !v.Granted {
		t.Fatalf("got %+v, %v", v, err)
	}
	if _, err := r.Ask(t.Context(), "b", 2, time.Hour); err == nil || !strings.Contains(err.Error(), "400") {
		t.Errorf("a lease of an hour: %v, want a refusal", err)
	}
	if v, err := r.State(t.Context()); err != nil || v.Holder != "b" {
		t.Errorf("state %+v, %v", v, err)
	}
	if err := r.Release(t.Context(), "b", 1); err != nil {
		t.Error(err)
	}
	if v, _ := r.State(t.Context()); v.Holder != "" {
		t.Errorf("after the release: %+v", v)
	}
}

func TestReadConfig(t *testing.T) {
	good := map[string]string{"APP_NAME": "agent-a", "APP_REGION": "a", "APP_VOTERS": "10.0.0.1:1,10.0.0.2:1", "APP_PATRONI": "10.0.0.3:8008", "APP_SOURCE": "10.0.0.4:5000"}
	if c, err := readConfig(func(k string) string { return good[k] }); err != nil || len(c.voters) != 2 || c.lease != ttl {
		t.Fatalf("%+v, %v", c, err)
	}
	bad := map[string]string{"APP_REGION": "a", "APP_LEASE": "1m", "APP_VOTERS": "here"}
	_, err := readConfig(func(k string) string { return bad[k] })
	for _, want := range []string{"APP_NAME", "APP_LEASE", "APP_VOTERS", "APP_PATRONI", "APP_SOURCE"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v does not name %s", err, want)
		}
	}
}

// A replica whose log went on where the other region's parted can't follow: it is made anew, once, and not when it is only late.
func TestAReplicaThatStrayedIsRenewed(t *testing.T) {
	dbs := &fakePatroni{leader: "running", standby: map[string]any{"host": "10.0.0.1"}, stray: 1}
	a := testAgent(t, dbs)
	a.note("b")
	for range strayLimit - 1 {
		a.steer(t.Context())
	}
	dbs.stray = 2
	a.steer(t.Context())
	dbs.stray = 1
	if dbs.renewed != 0 {
		t.Fatal("a replica that was only late was renewed")
	}
	for range 2 * strayLimit {
		a.steer(t.Context())
	}
	if dbs.renewed != 1 {
		t.Errorf("renewed %d times, want once", dbs.renewed)
	}
}
