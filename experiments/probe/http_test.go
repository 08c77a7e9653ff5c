package probe

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// fakeHTTP answers each path with a body of its own; an empty body is a 404 of the server itself.
type fakeHTTP struct {
	*httptest.Server
	bodies atomic.Pointer[map[string]string]
	hang   atomic.Bool
	asked  atomic.Int64
}

func startHTTP(t *testing.T, bodies map[string]string) *fakeHTTP {
	f := &fakeHTTP{}
	f.bodies.Store(&bodies)
	f.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.asked.Add(1)
		for f.hang.Load() && r.Context().Err() == nil {
			time.Sleep(ms)
		}
		body, ok := (*f.bodies.Load())[r.URL.Path]
		switch {
		case !ok:
			http.NotFound(w, r)
		case strings.Contains(body, "errorCode"):
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, body)
		default:
			fmt.Fprint(w, body)
		}
	}))
	t.Cleanup(func() { f.hang.Store(false); f.CloseClientConnections(); f.Close() })
	return f
}

func (f *fakeHTTP) endpoint(name, kind string, port int) Endpoint {
	return Endpoint{Name: name, Kind: kind, Ports: map[int]string{port: f.Listener.Addr().String()}}
}

const (
	leadsJSON   = `{"name":"etcd1","id":"a","state":"StateLeader","leaderInfo":{"leader":"a"}}`
	followsJSON = `{"name":"etcd2","id":"b","state":"StateFollower"}`
	noKeyJSON   = `{"errorCode":100,"message":"Key not found","cause":"/service/ref/leader","index":12}`
	syncJSON    = `{"action":"get","node":{"key":"/service/ref/sync","value":"{\"leader\":\"db1\",\"sync_standby\":\"db3\"}"}}`
)

func keyJSON(name string) string {
	return `{"action":"get","node":{"key":"/service/ref/leader","value":"` + name + `","expiration":"2026-01-01T00:00:00Z","ttl":3}}`
}

func etcdBodies(self, leader string) map[string]string {
	return map[string]string{"/v2/stats/self": self, "/v2/keys/service/ref/leader": leader, "/v2/keys/service/ref/sync": syncJSON}
}

func TestRunEtcd(t *testing.T) {
	e1 := startHTTP(t, etcdBodies(leadsJSON, keyJSON("db1")))
	e2 := startHTTP(t, etcdBodies(followsJSON, keyJSON("db9"))) // behind: asked only when the leader is silent
	r, _ := start(t, Watch{Endpoints: []Endpoint{e2.endpoint("etcd2", Etcd, 2379), e1.endpoint("etcd1", Etcd, 2379)}})
	r.await(t, StoreLeader, Cluster, "etcd1")
	r.await(t, Leader, Cluster, "db1")
	r.await(t, SyncName, Cluster, "db3")

	gone, back := etcdBodies(leadsJSON, noKeyJSON), etcdBodies(leadsJSON, keyJSON("db3"))
	e1.bodies.Store(&gone)
	if c := r.await(t, Leader, Cluster, ""); c.From != "db1" || c.After >= c.At {
		t.Errorf("got %+v", c)
	}
	e1.bodies.Store(&back)
	if c := r.await(t, Leader, Cluster, "db3"); c.From != "" {
		t.Errorf("got %+v", c)
	}
	e1.hang.Store(true) // the other one answers in the same poll
	if c := r.await(t, Leader, Cluster, "db9"); c.From != "db3" {
		t.Errorf("got %+v", c)
	}
	e2.hang.Store(true)
	r.await(t, Leader, Cluster, Unknown)
	r.await(t, StoreLeader, Cluster, Unknown)
}

// An etcd without its v2 API says nothing about the key, also with 404.
func TestReadKeyWithoutV2(t *testing.T) {
	f := startHTTP(t, nil)
	n, err := newHTTPNode(f.endpoint("etcd1", Etcd, 2379), 2379)
	if err != nil {
		t.Fatal(err)
	}
	defer n.close()
	if v, err := readKey(t.Context(), n, keyPath("ref", "leader")); err == nil {
		t.Errorf("got %q without error", v)
	}
	if leads, err := (Watch{Endpoints: []Endpoint{f.endpoint("etcd1", Etcd, 2379)}}).etcdLeads(t.Context()); err == nil || len(leads) != 0 {
		t.Errorf("got %v, %v", leads, err)
	}
}

func TestLeaderNames(t *testing.T) {
	tests := []struct {
		leads map[string]bool
		want  string
	}{
		{nil, Unknown},
		{map[string]bool{"a": false, "b": false}, ""},
		{map[string]bool{"a": false, "b": true}, "b"},
		{map[string]bool{"c": true, "b": true}, "b+c"},
	}
	for _, tt := range tests {
		if got := leaderNames(tt.leads); got != tt.want {
			t.Errorf("%v: got %q, want %q", tt.leads, got, tt.want)
		}
	}
}

func TestRunRoute(t *testing.T) {
	f := startHTTP(t, map[string]string{"/route": `{"primary":"db1","replicas":["db2"],"stale":[]}`})
	r, c := start(t, Watch{Endpoints: []Endpoint{f.endpoint("web1", Web, 8080)}})
	r.await(t, Route, "web1", "db1")
	r.awaitPoint(t, Answers, "web1", 0, isOne)
	none := map[string]string{"/route": `{"primary":"","replicas":[]}`}
	f.bodies.Store(&none)
	r.await(t, Route, "web1", "")
	f.hang.Store(true)
	hung := c.now()
	r.await(t, Route, "web1", Unknown)
	r.awaitPoint(t, Answers, "web1", hung, isGap)
	f.hang.Store(false)
	r.await(t, Route, "web1", "")
	empty := map[string]string{}
	f.bodies.Store(&empty)
	down := c.now()
	r.await(t, Route, "web1", Unknown)
	r.awaitPoint(t, Answers, "web1", down, isZero)
}

// stat is what HAProxy 2.6 answers to "show stat", with most columns left out.
const stat = `# pxname,svname,qcur,scur,smax,slim,stot,status,weight,last_chk,type,
web,web1,0,0,2,,17,UP,1,"L7OK, fine",2,
web,web2,0,0,2,,17,UP 1/3,1,,2,
web,web3,0,0,2,,17,DOWN,1,,2,
web,BACKEND,0,0,2,,17,UP,1,,1,
db,db1,0,0,2,,17,no check,1,,2,

`

func TestParseStat(t *testing.T) {
	got, err := parseStat(strings.NewReader(stat))
	want := "map[db/db1:no check web/web1:UP web/web2:UP web/web3:DOWN]"
	if fmt.Sprint(got) != want || err != nil {
		t.Errorf("got %v, %v\nwant %s", got, err, want)
	}
	for _, bad := range []string{"", "Permission denied\n", "Unknown command: 'show stat'\n", "\n\n"} {
		if got, err := parseStat(strings.NewReader(bad)); err == nil {
			t.Errorf("%q gave %v", bad, got)
		}
	}
}

func FuzzParseStat(f *testing.F) {
	f.Add(stat)
	f.Add("# pxname,svname,status\n\"a,b\n")
	f.Fuzz(func(t *testing.T, s string) {
		states, err := parseStat(strings.NewReader(s))
		if (states == nil) == (err == nil) {
			t.Errorf("states %v with error %v", states, err)
		}
	})
}

// fakeHAProxy answers each connection once with what it is told.
func fakeHAProxy(t *testing.T, answer *atomic.Value) Endpoint {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			buf := make([]byte, 100)
			if n, _ := c.Read(buf); strings.HasPrefix(string(buf[:n]), "show stat") {
				fmt.Fprint(c, answer.Load())
			}
			c.Close()
		}
	}()
	t.Cleanup(func() { ln.Close(); <-done })
	return Endpoint{Name: "lb", Kind: HAProxy, Ports: map[int]string{9999: ln.Addr().String()}}
}

func TestRunServers(t *testing.T) {
	var answer atomic.Value
	answer.Store(stat)
	r, c := start(t, Watch{Endpoints: []Endpoint{fakeHAProxy(t, &answer)}})
	r.await(t, Server, "web/web1", "UP")
	r.await(t, Server, "web/web3", "DOWN")
	answer.Store(strings.Replace(stat, `UP,1,"L7OK`, `DOWN,1,"L7TOUT`, 1))
	if ch := r.await(t, Server, "web/web1", "DOWN"); ch.From != "UP" {
		t.Errorf("got %+v", ch)
	}
	answer.Store("")
	gone := c.now()
	r.await(t, Server, "web/web2", Unknown)
	r.awaitPoint(t, Answers, "lb", gone, isZero)
}

func TestSteadyAround(t *testing.T) {
	db1, _, w := pair(t)
	etcd := startHTTP(t, etcdBodies(leadsJSON, keyJSON("db1")))
	web := startHTTP(t, map[string]string{"/route": `{"primary":"db1"}`})
	var answer atomic.Value
	up := strings.NewReplacer("DOWN", "UP").Replace(stat)
	answer.Store(up)
	w.Endpoints = append(w.Endpoints, etcd.endpoint("etcd1", Etcd, 2379), web.endpoint("web1", Web, 8080), fakeHAProxy(t, &answer))
	if err := w.AwaitSteady(t.Context()); err != nil {
		t.Fatalf("steady: %v", err)
	}
	roles, err := w.Roles(t.Context())
	if err != nil || len(roles[RoleEtcdLeader]) != 1 {
		t.Errorf("got %v, %v", roles, err)
	}
	other, wrong := etcdBodies(followsJSON, keyJSON("db2")), map[string]string{"/route": `{"primary":"db2"}`}
	etcd.bodies.Store(&other)
	web.bodies.Store(&wrong)
	answer.Store(strings.Replace(up, `UP,1,"L7OK`, `MAINT,1,"L7OK`, 1))
	db1.set(func() { db1.sync = nil })
	err = w.Steady(t.Context())
	if !errors.Is(err, ErrNotSteady) {
		t.Fatalf("got %v", err)
	}
	for _, want := range []string{"synchronous standby", `leader is ""`, `leader key of scope ref names "db2"`, `sends writes to "db2"`, "web/web1 MAINT"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in %q", want, err)
		}
	}
}

func TestSyncStandby(t *testing.T) {
	for in, want := range map[string]string{"": "", `{"leader":"db1","sync_standby":"db2"}`: "db2", `{"leader":"db1","sync_standby":null}`: ""} {
		if got, err := syncStandby(in); got != want || err != nil {
			t.Errorf("%s: got %q, %v; want %q", in, got, err, want)
		}
	}
	if _, err := syncStandby("db2"); err == nil {
		t.Error("a key that is not JSON gave no error")
	}
}
