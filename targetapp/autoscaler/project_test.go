package autoscaler

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// fakeEngine answers on a socket as the engine does, of two containers: one of project p and one of another.
type fakeEngine struct {
	mu     sync.Mutex
	calls  []string
	made   map[string]any
	refuse string // path whose call fails
}

const inspectMine = `{"Name":"/p_worker1_1",
 "Config":{"Hostname":"0123456789ab","Env":["APP_NAME=worker1","GOMAXPROCS=1"],"Image":"gauntlet/app:latest","Cmd":["worker"],"StopTimeout":5,"FutureKey":{"a":1},
  "Labels":{"com.docker.compose.project":"p","com.docker.compose.service":"worker1","com.docker.compose.container-number":"1","gauntlet.owner":"gauntlet","gauntlet.tier":"worker"%s}},
 "HostConfig":{"Memory":134217728,"NetworkMode":"p_net","Binds":["p_photos:/photos:rw"],"PortBindings":{"8080/tcp":[{"HostIp":"127.0.0.1","HostPort":"18024"}]},"RestartPolicy":{"Name":"always"}},
 "NetworkSettings":{"Networks":{"p_net":{"IPAMConfig":{"IPv4Address":"10.0.0.24"},"Aliases":["worker1"]},"p_other":{}}}}`

func (f *fakeEngine) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	call := r.Method + " " + r.URL.Path
	f.calls = append(f.calls, call)
	mine, foreign := fmt.Sprintf(inspectMine, ""), strings.Replace(fmt.Sprintf(inspectMine, `,"gauntlet.scaled":"autoscaler"`), `project":"p"`, `project":"q"`, 1)
	switch {
	case f.refuse != "" && strings.HasPrefix(call, f.refuse):
		w.WriteHeader(http.StatusConflict)
		fmt.Fprint(w, `{"message":"it is not to be"}`)
	case call == "GET /containers/json":
		fmt.Fprintf(w, `[{"Id":"mine","Names":["/p_worker1_1"],"State":"running","Created":7,"Labels":{"com.docker.compose.project":"p","com.docker.compose.service":"worker1","com.docker.compose.container-number":"1","gauntlet.tier":"worker","gauntlet.ready":"http 8080 /ready"},"NetworkSettings":{"Networks":{"p_net":{"IPAddress":"10.0.0.24"}}}},
		 {"Id":"foreign","Names":["/q_worker1_1"],"State":"running","Labels":{"com.docker.compose.project":"q"}}]`)
	case call == "GET /containers/mine/json":
		fmt.Fprint(w, mine)
	case call == "GET /containers/made/json":
		fmt.Fprintf(w, inspectMine, `,"gauntlet.scaled":"autoscaler"`)
	case call == "GET /containers/made/logs":
		fmt.Fprint(w, "\x01\x00\x00\x00\x00\x00\x00\x05done\n", "\x02\x00\x00\x00\x00\x00\x00\x04bye\n")
	case call == "GET /containers/foreign/json":
		fmt.Fprint(w, foreign)
	case call == "GET /containers/alone/json":
		fmt.Fprint(w, `{"Config":{"Labels":{}}}`)
	case call == "POST /containers/create":
		f.made = map[string]any{}
		_ = json.NewDecoder(r.Body).Decode(&f.made)
		w.WriteHeader(http.StatusCreated)
		fmt.Fprint(w, `{"Id":"made"}`)
	case r.Method == "GET":
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, `{"message":"No such container"}`)
	default:
		w.WriteHeader(http.StatusNoContent)
	}
}

func fakeProject(t *testing.T) (*fakeEngine, *Project) {
	t.Helper()
	f := &fakeEngine{}
	socket := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: f}
	done := make(chan struct{})
	go func() { defer close(done); _ = srv.Serve(l) }()
	t.Cleanup(func() { srv.Close(); <-done })
	p, err := FindProject(t.Context(), OpenEngine(socket), "mine")
	if err != nil || p.Name != "p" {
		t.Fatalf("project %v, %v", p, err)
	}
	f.calls = nil
	return f, p
}

func TestOnlyItsOwnProject(t *testing.T) {
	f, p := fakeProject(t)
	if _, err := FindProject(t.Context(), p.engine, "alone"); !errors.Is(err, ErrForeign) {
		t.Errorf("a container of no project: %v, want ErrForeign", err)
	}
	on, err := p.List(t.Context())
	if err != nil || len(on) != 1 || on[0].ID != "mine" || on[0].url("/route") != "http://10.0.0.24:8080/route" || on[0].Made {
		t.Errorf("list = %+v, %v, want the project's own alone", on, err)
	}
	f.calls = nil
	for _, id := range []string{"foreign", "mine"} { // that one is of the project, but was there before
		if err := p.Remove(t.Context(), Container{ID: id, Made: true}, time.Second); !errors.Is(err, ErrForeign) {
			t.Errorf("remove %s: %v, want ErrForeign", id, err)
		}
	}
	if _, err := p.Make(t.Context(), Container{ID: "foreign"}, 2, ""); !errors.Is(err, ErrForeign) {
		t.Errorf("a copy of a foreign one: %v, want ErrForeign", err)
	}
	for _, c := range f.calls {
		if !strings.HasPrefix(c, "GET ") {
			t.Errorf("it called %s on what is not its own", c)
		}
	}
}

func TestTwinIsLikeItsSibling(t *testing.T) {
	f, p := fakeProject(t)
	if _, err := p.Make(t.Context(), Container{ID: "mine", Service: "worker1", Name: "p_worker1_1"}, 2, "10.0.0.200"); err != nil {
		t.Fatal(err)
	}
	got, err := json.Marshal(f.made)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`"Env":["APP_NAME=worker1-2","GOMAXPROCS=1"]`, `"Image":"gauntlet/app:latest"`, `"Cmd":["worker"]`, `"FutureKey":{"a":1}`, `"Memory":134217728`,
		`"Binds":["p_photos:/photos:rw"]`, `"PortBindings":{"8080/tcp":[{"HostIp":"127.0.0.1","HostPort":""}]}`, `"RestartPolicy":{"Name":"always"}`,
		`"com.docker.compose.container-number":"2"`, `"com.docker.compose.project":"p"`, `"gauntlet.owner":"gauntlet"`, `"gauntlet.scaled":"autoscaler"`,
		`"EndpointsConfig":{"p_net":{"Aliases":["worker-scaled"],"IPAMConfig":{"IPv4Address":"10.0.0.200"}}}`,
	} {
		if !strings.Contains(string(got), want) {
			t.Errorf("the twin has no %s:\n%s", want, got)
		}
	}
	if strings.Contains(string(got), "Hostname") {
		t.Errorf("the twin has its sibling's host name: %s", got)
	}
	want := []string{"GET /containers/mine/json", "POST /containers/create", "POST /networks/p_other/connect", "POST /containers/made/start"}
	if len(f.calls) < 4 || !slices.Equal(f.calls[:4], want) {
		t.Errorf("calls %v, want %v first", f.calls, want)
	}
}

func TestWhatCannotStartIsRemoved(t *testing.T) {
	f, p := fakeProject(t)
	f.refuse = "POST /containers/made/start"
	if _, err := p.Make(t.Context(), Container{ID: "mine", Service: "worker1"}, 2, ""); err == nil || !strings.Contains(err.Error(), "it is not to be") {
		t.Errorf("make = %v, want what the engine said", err)
	}
	if last := f.calls[len(f.calls)-1]; last != "DELETE /containers/made" {
		t.Errorf("last call %s, want the removal", last)
	}
}

func TestRemoveDrainsFirst(t *testing.T) {
	f, p := fakeProject(t)
	var kept strings.Builder
	p.Keep = &kept
	if err := p.Remove(t.Context(), Container{ID: "made"}, 3*time.Second); err != nil {
		t.Fatal(err)
	}
	if want := []string{"GET /containers/made/json", "POST /containers/made/stop", "GET /containers/made/logs", "DELETE /containers/made"}; !slices.Equal(f.calls, want) {
		t.Errorf("calls %v, want %v", f.calls, want)
	}
	if kept.String() != "done\nbye\n" {
		t.Errorf("%q was kept, want what it printed", kept.String())
	}
	if err := p.Remove(t.Context(), Container{ID: "gone"}, time.Second); err != nil {
		t.Errorf("one that is gone: %v", err)
	}
}
