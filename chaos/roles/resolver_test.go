package roles_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"reflect"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"gauntlet/chaos"
	"gauntlet/chaos/roles"
	"gauntlet/cmd/exclusive"
)

func TestMain(m *testing.M) {
	release := func() {}
	if os.Getenv("GAUNTLET_DOCKER") != "off" {
		release = exclusive.Acquire()
	}
	code := m.Run()
	release()
	if left := leaked(10 * time.Second); left != "" {
		fmt.Fprintf(os.Stderr, "goroutines left behind by the tests:\n%s\n", left)
		code = max(code, 1)
	}
	os.Exit(code)
}

// leaked gives the stacks of goroutines of this package and of the client libraries that are still there after the time.
func leaked(wait time.Duration) string {
	for end := time.Now().Add(wait); ; time.Sleep(20 * time.Millisecond) {
		buf := make([]byte, 1<<20)
		var left []string
		for _, s := range strings.Split(string(buf[:runtime.Stack(buf, true)]), "\n\n")[1:] { // the first is this one
			for _, ours := range []string{"gauntlet/chaos", "jackc/pgx", "redis/go-redis"} {
				if strings.Contains(s, ours) {
					left = append(left, s)
					break
				}
			}
		}
		if len(left) == 0 || time.Now().After(end) {
			return strings.Join(left, "\n\n")
		}
	}
}

// at is a running container that is reached on 127.0.0.1.
func at(name, image, addr string) chaos.Container {
	_, port, _ := net.SplitHostPort(addr)
	return chaos.Container{
		ID: "id-" + name, Name: name, Service: name, State: chaos.Running, Image: image, Labels: map[string]string{"gauntlet.port": port},
		Networks: []chaos.Attachment{{Network: "net", Addr: netip.MustParseAddr("127.0.0.1")}},
	}
}

func hostPort(s *httptest.Server) string { return strings.TrimPrefix(s.URL, "http://") }

func web(t *testing.T, handler http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(handler)
	t.Cleanup(s.Close)
	return s
}

// redisSaying answers ROLE with the word and everything else with an error.
func redisSaying(t *testing.T, word string) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	t.Cleanup(func() { _ = ln.Close(); wg.Wait() })
	wg.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { serveRedis(c, word) })
		}
	})
	return ln.Addr().String()
}

func serveRedis(c net.Conn, word string) {
	defer c.Close()
	for in := bufio.NewReader(c); ; {
		head, err := in.ReadString('\n')
		if err != nil {
			return
		}
		n, _ := strconv.Atoi(strings.TrimSpace(head[1:]))
		command := ""
		for i := range 2 * n {
			line, err := in.ReadString('\n')
			if err != nil {
				return
			}
			if i == 1 {
				command = strings.ToUpper(strings.TrimSpace(line))
			}
		}
		if command == "ROLE" {
			fmt.Fprintf(c, "*2\r\n$%d\r\n%s\r\n:0\r\n", len(word), word)
		} else {
			fmt.Fprintf(c, "-ERR unknown command\r\n")
		}
	}
}

func etcd(t *testing.T, leader string, v3 bool) string {
	return hostPort(web(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case v3 && r.Method == http.MethodPost && r.URL.Path == "/v3/maintenance/status":
			fmt.Fprintf(w, `{"header":{"member_id":"77"},"leader":%q}`, leader)
		case !v3 && r.URL.Path == "/v2/stats/self":
			fmt.Fprintf(w, `{"state":%q}`, leader)
		default:
			http.NotFound(w, r)
		}
	}))
}

func rabbit(t *testing.T) string {
	return hostPort(web(t, func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		switch {
		case user != "ops" || password != "secret":
			w.WriteHeader(http.StatusUnauthorized)
		case r.URL.Path == "/api/overview":
			fmt.Fprint(w, `{"node":"rabbit@one"}`)
		case r.URL.Path == "/api/queues":
			fmt.Fprint(w, `[{"name":"orders","vhost":"/","node":"rabbit@two","leader":"rabbit@one"},{"name":"mail","vhost":"shop","node":"rabbit@one"},
				{"name":"other","vhost":"/","node":"rabbit@two"}]`)
		}
	}))
}

func TestRolesOfKnownServers(t *testing.T) {
	one := at("broker", "rabbitmq:3-management", rabbit(t))
	one.Env = []string{"RABBITMQ_DEFAULT_USER=ops", "RABBITMQ_DEFAULT_PASS=secret"}
	custom := at("cache-2", "mine:1", redisSaying(t, "slave"))
	custom.Ports = []uint16{6379}
	all := []chaos.Container{
		at("cache-1", "docker.io/library/redis:7@sha256:00", redisSaying(t, "master")), custom, one,
		at("etcd-1", "quay.io/coreos/etcd:v3.5", etcd(t, "77", true)), at("etcd-2", "etcd", etcd(t, "78", true)), at("etcd-3", "etcd", etcd(t, "StateLeader", false)),
		at("watch", "redis-sentinel", redisSaying(t, "sentinel")), at("app", "mine:1", "127.0.0.1:1"),
	}
	want := map[string][]string{
		"cache-1": {"redis-master"}, "cache-2": {"redis-replica"}, "broker": {"rabbitmq-leader", "rabbitmq-leader:orders", "rabbitmq-leader:shop/mail"},
		"etcd-1": {"etcd-leader"}, "etcd-2": {"etcd-follower"}, "etcd-3": {"etcd-leader"},
	}
	resolve(t, nil, all, want)
}

// resolve asks until the roles are those: on a busy machine a node's second can be too short.
func resolve(t *testing.T, declared []roles.Declared, all []chaos.Container, want map[string][]string) {
	t.Helper()
	r, err := roles.New(declared, fakeExec{})
	if err != nil {
		t.Fatal(err)
	}
	var got map[string][]string
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); {
		if got, err = r.Roles(t.Context(), all); err != nil {
			t.Fatal(err)
		}
		if reflect.DeepEqual(got, want) {
			return
		}
	}
	t.Errorf("got  %v\nwant %v", got, want)
}

type fakeExec struct{}

func (fakeExec) Exec(_ context.Context, id string, cmd []string) (string, int, error) {
	if id == "id-two" {
		return "true\n", 0, nil
	}
	return strings.Join(cmd, " "), 1, nil
}

func TestDeclaredRoles(t *testing.T) {
	answers := hostPort(web(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/leader" {
			http.NotFound(w, r)
			return
		}
		fmt.Fprintln(w, "true")
	}))
	_, port, _ := net.SplitHostPort(answers)
	one, two := at("one", "mine", answers), at("two", "mine", answers)
	for _, c := range []struct {
		name string
		d    roles.Declared
		want map[string][]string
	}{
		{"http, expected", roles.Declared{Service: "one", HTTP: "http://:" + port + "/leader", Expect: "true"}, map[string][]string{"one": {"boss"}}},
		{"http, something else", roles.Declared{Service: "one", HTTP: "http://:" + port + "/leader", Expect: "false"}, map[string][]string{}},
		{"http, any answer", roles.Declared{Service: "two", HTTP: "http://:" + port + "/leader"}, map[string][]string{"two": {"boss"}}},
		{"http, not found", roles.Declared{Service: "two", HTTP: "http://:" + port + "/nowhere"}, map[string][]string{}},
		{"exec", roles.Declared{Service: "two", Exec: []string{"am-i-leader"}, Expect: "true"}, map[string][]string{"two": {"boss"}}},
		{"exec, failed", roles.Declared{Service: "one", Exec: []string{"am-i-leader"}}, map[string][]string{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.d.Name = "boss"
			resolve(t, []roles.Declared{c.d}, []chaos.Container{one, two}, c.want)
		})
	}
}

func TestBadDeclarations(t *testing.T) {
	good := roles.Declared{Name: "boss", Service: "api", SQL: "select true"}
	if err := good.Check(); err != nil {
		t.Errorf("%+v: %v", good, err)
	}
	for name, d := range map[string]roles.Declared{
		"no name":     {Service: "api", SQL: "select true"},
		"built in":    {Name: "redis-master", Service: "api", SQL: "select true"},
		"no service":  {Name: "boss", SQL: "select true"},
		"no question": {Name: "boss", Service: "api"},
		"two":         {Name: "boss", Service: "api", SQL: "select true", Exec: []string{"true"}},
		"other host":  {Name: "boss", Service: "api", HTTP: "http://elsewhere:80/"},
		"https":       {Name: "boss", Service: "api", HTTP: "https://:443/"},
	} {
		if _, err := roles.New([]roles.Declared{d}, nil); !errors.Is(err, chaos.ErrBadSelector) {
			t.Errorf("%s: %v, want ErrBadSelector", name, err)
		}
	}
	if _, err := roles.New([]roles.Declared{{Name: "boss", Service: "api", Exec: []string{"true"}}}, nil); !errors.Is(err, chaos.ErrUnsupported) {
		t.Errorf("exec without an Execer: %v", err)
	}
}

func TestWhy(t *testing.T) {
	r, err := roles.New(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	silent := at("cache-1", "redis", "127.0.0.1:1") // nobody listens there
	stopped := at("etcd-1", "etcd", etcd(t, "77", true))
	stopped.State = chaos.Exited
	nowhere := at("db", "postgres", "127.0.0.1:1")
	nowhere.Networks = nil
	got, err := r.Roles(t.Context(), []chaos.Container{silent, stopped, nowhere})
	if err != nil || len(got) > 0 {
		t.Errorf("got %v, %v, want no roles", got, err)
	}
	for role, want := range map[string]string{
		"redis-master":     "1 of 1 containers that could have it do not say:\ncache-1: ",
		"etcd-leader":      "no running container is known",
		"postgres-primary": "it has no address",
		"boss":             "declare it",
	} {
		if err := r.Why(role); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("why nobody has %s: %v, want %q", role, err, want)
		}
	}
	follower := at("etcd-2", "etcd", etcd(t, "78", true))
	if got := resolveWith(t, r, follower); !reflect.DeepEqual(got, map[string][]string{"etcd-2": {"etcd-follower"}}) {
		t.Errorf("got %v", got)
	}
	if err := r.Why("etcd-leader"); err == nil || !strings.Contains(err.Error(), "1 container was asked, and nobody has it now") {
		t.Error(err)
	}
	if err := r.Why("etcd-follower"); err != nil {
		t.Error(err)
	}
}

func resolveWith(t *testing.T, r *roles.Resolver, all ...chaos.Container) (got map[string][]string) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); len(got) == 0 && time.Now().Before(end); {
		var err error
		if got, err = r.Roles(t.Context(), all); err != nil {
			t.Fatal(err)
		}
	}
	return got
}

// A node that takes questions and never answers delays nobody for longer than its limit, and has no role.
func TestNodeThatHangs(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	var all []chaos.Container
	for i, image := range []string{"postgres", "redis", "rabbitmq", "etcd"} {
		all = append(all, at(fmt.Sprint("node-", i), image, ln.Addr().String()))
	}
	r, err := roles.New(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	got, err := r.Roles(t.Context(), all)
	if err != nil || len(got) > 0 {
		t.Errorf("got %v, %v, want no roles", got, err)
	}
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("it took %s", took)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.Roles(ctx, all); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}
