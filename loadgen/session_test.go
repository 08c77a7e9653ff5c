package loadgen

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// shop logs in, opens a cart and puts things into it; each step needs what the one before answered.
type shop struct {
	mu     sync.Mutex
	seen   []string
	refuse int // every refuse-th login fails; 0: none
	logins int
	slow   time.Duration // of a login
}

func (s *shop) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	if r.URL.Path == "/login" {
		time.Sleep(s.slow)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen = append(s.seen, fmt.Sprint(r.URL, " ", r.Header.Get("Authorization"), " ", string(body)))
	switch {
	case r.URL.Path == "/login":
		if s.logins++; s.refuse > 0 && s.logins%s.refuse == 0 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintf(w, `{"session":{"token":"t-%s"}}`, body)
	case r.URL.Path == "/carts":
		w.Header().Set("Location", "/carts/of-"+strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer t-"))
	}
}

var visitOps = []Op{
	{Name: "login", Class: "session", Weight: 1, Capture: map[string]string{"token": "json session.token"}, Request: Request{Method: "POST", Path: "/login", Body: "{{data people name}}"}},
	{Name: "cart", Class: "write", After: "login", Think: 100 * time.Millisecond, Capture: map[string]string{"cart": "header Location"},
		Request: Request{Method: "POST", Path: "/carts", Header: map[string]string{"Authorization": "Bearer {{session token}}"}}},
	{Name: "add", Class: "write", After: "cart", Think: 50 * time.Millisecond, Ledger: true,
		Request: Request{Method: "POST", Path: "{{session cart}}", Header: map[string]string{"Authorization": "Bearer {{session token}}"}, Body: "{{id}} {{data people name}}"}},
	{Name: "feed", Class: "read", Weight: 3, Request: Request{Method: "GET", Path: "/feed"}},
}

func visitors() Profile {
	p := profileOf(120, slices.Clone(visitOps)...) // 20 of each step and 60 of the feed
	p.Timeout = 20 * time.Second
	p.Data = map[string]Feed{"people": {Columns: []string{"name"}, Rows: [][]string{{"ann"}, {"bob"}, {"cyd"}}}}
	return p
}

func byOp(got []Sample) map[string][]Sample {
	out := map[string][]Sample{}
	for _, x := range got {
		out[x.Op] = append(out[x.Op], x)
	}
	return out
}

func TestSessionsHandValuesOn(t *testing.T) {
	t.Parallel()
	s := &shop{}
	srv := httptest.NewServer(s)
	defer srv.Close()
	p := visitors()
	p.Ops[2].Request.Path = "/items{{session cart}}" // the captured path is escaped: it is a value, not a route
	got, rep, err := load(t.Context(), t, p, srv.URL, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	// The steps of sessions that begin in the last 100 or 150 ms are due behind the end.
	if n := rep.Planned; n["feed"] != 60 || n["login"] != 20 || n["cart"] != 18 || n["add"] != 17 {
		t.Errorf("planned %v", n)
	}
	if c := count(got); c[OK] != len(got) {
		t.Errorf("outcomes %v, want all OK", c)
	}
	names := map[string]int{}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, line := range s.seen {
		if !strings.HasPrefix(line, "/items") {
			continue
		}
		var id int
		var name string
		i := strings.Index(line, "Bearer")
		if _, err := fmt.Sscanf(line[i:], "Bearer t-%s %d", &name, &id); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		names[name]++
		if !strings.HasPrefix(line, "/items%2Fcarts%2Fof-"+name+" ") || !strings.HasSuffix(line, fmt.Sprint(" ", id, " ", name)) {
			t.Errorf("a session mixes people: %q", line)
		}
	}
	if len(names) != 3 {
		t.Errorf("people %v, want all three", names)
	}
}

// A step is due by the plan. If the one before it has not ended it waits, and that wait is part of its latency.
func TestSessionStepsKeepTheirDueTimes(t *testing.T) {
	t.Parallel()
	s := &shop{slow: 300 * time.Millisecond}
	srv := httptest.NewServer(s)
	defer srv.Close()
	got, _, err := load(t.Context(), t, visitors(), srv.URL, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	ops := byOp(got)
	for i, x := range ops["cart"] {
		if x.Latency() < 190*time.Millisecond || x.Out != OK {
			t.Errorf("cart %d: %+v, want it to wait for the login of 300 ms that began 100 ms before it was due", i, x)
		}
	}
	for _, x := range ops["add"] {
		if x.Latency() < 140*time.Millisecond {
			t.Errorf("%+v, want it to wait for the cart", x)
		}
	}
}

func TestSessionsThatFailAreMissed(t *testing.T) {
	t.Parallel()
	s := &shop{refuse: 2}
	srv := httptest.NewServer(s)
	defer srv.Close()
	got, rep, err := load(t.Context(), t, visitors(), srv.URL, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	ops := byOp(got)
	if c := count(ops["login"]); c[OK] != 10 || c[Fail] != 10 {
		t.Errorf("logins %v, want each second to fail", c)
	}
	cut := 0
	for _, x := range append(ops["cart"], ops["add"]...) {
		switch {
		case x.Out == OK:
		case x.Out == Missed && x.Err == ErrKindSession:
			cut++
		default:
			t.Errorf("%+v, want it missed without a session", x)
		}
	}
	if cut < 14 || cut > 20 || len(got) != int(rep.Planned["feed"]+rep.Planned["login"]+rep.Planned["cart"]+rep.Planned["add"]) {
		t.Errorf("%d steps missed of %v", cut, rep.Planned)
	}
}

// A success that lacks the value is no success: an error page with status 200.
func TestAnswerWithoutTheValue(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, "<html>") }))
	defer srv.Close()
	got, _, err := load(t.Context(), t, visitors(), srv.URL, 300*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range byOp(got)["login"] {
		if x.Out != Fail || x.Err != ErrKindValue || x.Code != 200 {
			t.Errorf("%+v, want fail, no value", x)
		}
	}
}

func TestBadSessions(t *testing.T) {
	for want, break_ := range map[string]func(p *Profile){
		"no op before it":     func(p *Profile) { p.Ops[1].After = "feed" },
		"captured by no op":   func(p *Profile) { p.Ops[0].Capture = nil },
		"think time":          func(p *Profile) { p.Ops[0].Think = time.Second },
		"no such feed":        func(p *Profile) { p.Data = nil },
		"only [surname]":      func(p *Profile) { p.Data["people"].Columns[0] = "surname" },
		"capture token":       func(p *Profile) { p.Ops[0].Capture = map[string]string{"token": "xml a"} },
		"it has no rows":      func(p *Profile) { p.Data["people"] = Feed{Columns: []string{"name"}} },
		"values for 1 column": func(p *Profile) { p.Data["people"].Rows[1] = []string{"a", "b"} },
		"catch up":            func(p *Profile) { p.CatchUp = 0.5 },
		"dns":                 func(p *Profile) { p.Client.DNS = "always" },
		"pool per user":       func(p *Profile) { p.Client.PerUser = 2 },
		"resolver":            func(p *Profile) { p.Client.Resolver = "localhost" },
		"per request":         func(p *Profile) { p.Client.HTTP2, p.Client.Close = true, true },
	} {
		p := visitors()
		break_(&p)
		if err := p.Check(); !errors.Is(err, ErrProfile) || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want ErrProfile with %q", err, want)
		}
	}
	if p := visitors(); p.Check() != nil {
		t.Error(p.Check())
	}
}

func TestFeeds(t *testing.T) {
	csv, err := ReadFeed("x.csv", strings.NewReader("\ufeffname,age\nann,7\n\"b,b\",8\n"))
	if err != nil || csv.Rows[1][0] != "b,b" || csv.Columns[0] != "name" {
		t.Fatalf("%+v, %v", csv, err)
	}
	lines, err := ReadFeed("x.jsonl", strings.NewReader(`{"name":"ann","age":7}`+"\n\n"+`{"name":"bob"}`))
	if err != nil || len(lines.Rows) != 2 || lines.Rows[0][0] != "7" || lines.Rows[0][1] != "ann" || lines.Rows[1][0] != "" {
		t.Fatalf("%+v, %v", lines, err)
	}
	for file, text := range map[string]string{"a.csv": "", "b.csv": "a\n", "c.csv": "a,b\n1\n", "d.json": "[1]", "e.jsonl": "{}\n"} {
		if _, err := ReadFeed(file, strings.NewReader(text)); !errors.Is(err, ErrFeed) {
			t.Errorf("%s: error %v, want ErrFeed", file, err)
		}
	}
	v := values{number: 4, user: 2, session: newDice(1, 0, 4)}
	f := Feed{Columns: []string{"c"}, Rows: [][]string{{"0"}, {"1"}, {"2"}}}
	for pick, want := range map[Pick]string{PickNext: "1", PickUser: "1"} {
		if f.Pick = pick; f.value(v, 0) != want {
			t.Errorf("pick %q: row %s, want %s", pick, f.value(v, 0), want)
		}
	}
	drawn := map[string]int{}
	f.Pick = PickRandom
	for k := range uint64(300) {
		v.session = newDice(1, 0, k)
		drawn[f.value(v, 0)]++
	}
	if drawn["0"] < 70 || drawn["1"] < 70 || drawn["2"] < 70 {
		t.Errorf("random rows %v, want about 100 of each", drawn)
	}
}

// Files are read when the load begins, and what is wrong with them is said.
func TestFilesAreReadWhenTheLoadBegins(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	people, trace := filepath.Join(dir, "people.csv"), filepath.Join(dir, "trace.csv")
	if err := errors.Join(os.WriteFile(people, []byte("name\nann\n"), 0o600), os.WriteFile(trace, []byte("0\n0.1,feed\n0.2,login\n"), 0o600)); err != nil {
		t.Fatal(err)
	}
	s := &shop{}
	srv := httptest.NewServer(s)
	defer srv.Close()
	p := visitors()
	p.Data = map[string]Feed{"people": {File: people}}
	p.Shape.TraceFile = trace
	if err := p.Check(); err != nil {
		t.Fatal(err)
	}
	got, _, err := load(t.Context(), t, p, srv.URL, time.Second)
	if c := count(got); err != nil || c[OK] != len(got) || len(got) < 5 {
		t.Errorf("%d samples, outcomes %v, error %v; want the trace's three and the session's steps", len(got), count(got), err)
	}
	p.Shape.TraceFile = filepath.Join(dir, "none")
	if _, _, err := load(t.Context(), t, p, srv.URL, time.Second); !errors.Is(err, ErrProfile) {
		t.Errorf("error %v, want ErrProfile", err)
	}
}

// Each region has its own share, its own pacer and its own base.
func TestRegions(t *testing.T) {
	t.Parallel()
	var hits [2]sync.Map
	var urls [2]string
	for i := range 2 {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { hits[i].Store(r.Header.Get("X-Op-Id"), true) }))
		defer srv.Close()
		urls[i] = srv.URL
	}
	var got []Sample
	p := profileOf(80, writeOp, readOp)
	p.Timeout = 10 * time.Second
	rep, err := Run(t.Context(), p, Target{
		Base: urls[0], Origin: time.Now(), Length: time.Second,
		Regions: []Region{{Name: "eu", Share: 3}, {Name: "us", Share: 1, Base: urls[1] + "/"}},
	}, func(x Sample) { got = append(got, x) })
	if err != nil || rep.Planned["create"] != 40 || rep.Planned["read"] != 40 {
		t.Fatalf("%+v, %v", rep, err)
	}
	regions, ids := map[string]int{}, map[uint64]bool{}
	for _, x := range got {
		regions[x.Region]++
		if x.ID > 0 {
			i := 0
			if x.Region == "us" {
				i = 1
			}
			if _, ok := hits[i].Load(fmt.Sprint(x.ID)); !ok || x.Out != OK {
				t.Errorf("%+v did not reach its region", x)
			}
			ids[x.ID] = true
		}
	}
	if regions["us"] != 20 || regions["eu"] != 60 || len(ids) != 40 || !ids[1] || !ids[40] {
		t.Errorf("regions %v with %d ids, want 60 and 20 with ids 1 to 40", regions, len(ids))
	}
	_, err = Run(t.Context(), profileOf(1, readOp), Target{Base: urls[0], Origin: time.Now(), Length: time.Second, Regions: []Region{{Name: "x"}}}, nil)
	if !errors.Is(err, ErrProfile) {
		t.Errorf("error %v, want ErrProfile for a share of 0", err)
	}
}
