package web

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/png"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"gauntlet/targetapp/password"
	"gauntlet/targetapp/photo"
	"gauntlet/targetapp/postgres"
	"gauntlet/targetapp/session"
	"gauntlet/targetapp/token"
)

// fakeStore answers from its fields; hold, if set, is waited for by reads.
type fakeStore struct {
	err    error
	hold   chan struct{}
	hash   string
	seen   postgres.LSN
	posted postgres.NewPost
}

var at = postgres.Where{Node: "db2", Seen: 0x4048800}

func (f *fakeStore) Feed(ctx context.Context, seen postgres.LSN) ([]postgres.Post, postgres.Where, error) {
	if f.hold != nil {
		<-f.hold
	} else {
		f.seen = seen
	}
	return []postgres.Post{{ID: 1, User: "<b>eve</b>", Text: "x"}}, at, f.err
}

func (f *fakeStore) Post(_ context.Context, _ postgres.LSN, id int64) (postgres.Post, postgres.Where, error) {
	return postgres.Post{ID: id}, at, f.err
}

func (f *fakeStore) User(_ context.Context, _ postgres.LSN, id int64) (postgres.User, postgres.Where, error) {
	return postgres.User{ID: id, Hash: f.hash}, at, f.err
}

func (f *fakeStore) AddPost(_ context.Context, p postgres.NewPost) (int64, postgres.Where, error) {
	f.posted = p
	return 9, at, f.err
}

func (f *fakeStore) AddUser(context.Context, string, string) (int64, postgres.Where, error) {
	return 1000000, at, f.err
}

type fakeRoutes struct{ route postgres.Route }

func (f *fakeRoutes) Route() postgres.Route      { return f.route }
func (f *fakeRoutes) Stats() []postgres.PoolStat { return []postgres.PoolStat{{Node: "db2", Up: true}} }

func newServer(t *testing.T, store Store, routes Routes) *Server {
	t.Helper()
	signer, err := token.NewSigner("0123456789abcdef")
	if err != nil {
		t.Fatal(err)
	}
	return New("web1", store, routes, session.Signed{Signer: signer}, slog.New(slog.DiscardHandler))
}

// bearer is the header of user 7, logged in.
func bearer(t *testing.T, s *Server) string {
	t.Helper()
	tok, err := s.sessions.Open(t.Context(), 7)
	if err != nil {
		t.Fatal(err)
	}
	return "Bearer " + tok
}

func do(s http.Handler, method, path, body string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

func TestHandlers(t *testing.T) {
	hash, err := password.Hash("password-7")
	if err != nil {
		t.Fatal(err)
	}
	store := &fakeStore{hash: hash}
	s := newServer(t, store, &fakeRoutes{postgres.Route{Primary: "db2", Replicas: []string{"db1"}, Stale: []string{}}})
	auth := bearer(t, s)
	for _, c := range []struct {
		name, method, path, body string
		header                   []string
		code                     int
		by, contains             string
	}{
		{"feed", "GET", "/feed", "", nil, 200, "web1 db2", `"posts":[{"id":1`},
		{"page escapes", "GET", "/", "", nil, 200, "web1 db2", "&lt;b&gt;eve"},
		{"post", "GET", "/posts/5", "", nil, 200, "web1 db2", `"id":5`},
		{"post without number", "GET", "/posts/x", "", nil, 400, "web1 -", "number"},
		{"bad position", "GET", "/feed", "", []string{"X-Session-LSN", "x"}, 400, "web1 -", "log position"},
		{"no token", "POST", "/posts", `{"text":"a"}`, nil, 401, "web1 -", "log in again"},
		{"add", "POST", "/posts", `{"text":"a"}`, []string{"Authorization", auth, "X-Op-Id", "12"}, 201, "web1 db2", `{"id":9,"op_id":12}`},
		{"add without op", "POST", "/posts", `{"text":"a"}`, []string{"Authorization", auth}, 201, "web1 db2", `{"id":9}`},
		{"bad op", "POST", "/posts", `{"text":"a"}`, []string{"Authorization", auth, "X-Op-Id", "-1"}, 400, "web1 -", "X-Op-Id"},
		{"bad body", "POST", "/posts", `{`, []string{"Authorization", auth}, 400, "web1 -", "JSON"},
		{"huge body", "POST", "/posts", `{"text":"` + strings.Repeat("a", maxBody) + `"}`, []string{"Authorization", auth}, 413, "web1 -", "JSON"},
		{"login", "POST", "/login", `{"user":7,"password":"password-7"}`, nil, 200, "web1 db2", `{"token":"7.`},
		{"wrong password", "POST", "/login", `{"user":7,"password":"x"}`, nil, 401, "web1 db2", "wrong"},
		{"signup", "POST", "/signup", `{"name":"n","password":"p"}`, nil, 201, "web1 db2", `"user":1000000`},
		{"signup without name", "POST", "/signup", `{"password":"p"}`, nil, 400, "web1 -", "name"},
		{"health", "GET", "/health", "", nil, 200, "web1 -", "alive"},
		{"ready", "GET", "/ready", "", nil, 200, "web1 -", `"ready":true`},
		{"route", "GET", "/route", "", nil, 200, "web1 -", `"primary":"db2","replicas":["db1"],"stale":[]`},
		{"metrics", "GET", "/metrics", "", nil, 200, "web1 -", `app_requests_total{code="504",op="add_post"} 0`},
		{"nowhere", "GET", "/nowhere", "", nil, 404, "web1 -", "not found"},
	} {
		w := do(s, c.method, c.path, c.body, c.header...)
		if w.Code != c.code || w.Header().Get("X-Served-By") != c.by || !strings.Contains(w.Body.String(), c.contains) {
			t.Errorf("%s: %d, by %q, body %.200s; want %d, %q, %q", c.name, w.Code, w.Header().Get("X-Served-By"), w.Body, c.code, c.by, c.contains)
		}
	}
	if store.posted.UserID != 7 || store.posted.Text != "a" || store.posted.OpID != nil {
		t.Errorf("posted %+v, want user 7, text a, no op id", store.posted)
	}
}

func TestReadYourWrites(t *testing.T) {
	store := &fakeStore{}
	s := newServer(t, store, &fakeRoutes{})
	w := do(s, "POST", "/posts", `{"text":"a"}`, "Authorization", bearer(t, s))
	do(s, "GET", "/feed", "", seenHeader, w.Header().Get(seenHeader))
	if store.seen != at.Seen {
		t.Errorf("the read asked for position %s, want %s", store.seen, at.Seen)
	}
}

func TestErrors(t *testing.T) {
	for _, c := range []struct {
		name   string
		err    error
		code   int
		effect string
	}{
		{"no effect", fmt.Errorf("write: %w: %w", context.DeadlineExceeded, postgres.ErrNoEffect), 503, "none"},
		{"late", fmt.Errorf("write: %w", context.DeadlineExceeded), 504, ""},
		{"not replicated", fmt.Errorf("write: %w", postgres.ErrNotReplicated), 504, ""},
		{"broken off", errors.New("unexpected EOF"), 500, ""},
		{"not found", postgres.ErrNotFound, 404, ""},
	} {
		s := newServer(t, &fakeStore{err: c.err}, &fakeRoutes{})
		w := do(s, "POST", "/posts", `{"text":"a"}`, "Authorization", bearer(t, s))
		retry := w.Header().Get("Retry-After") != ""
		if w.Code != c.code || w.Header().Get("X-Effect") != c.effect || retry != (c.effect != "") {
			t.Errorf("%s: %d, effect %q, retry %v; want %d, %q", c.name, w.Code, w.Header().Get("X-Effect"), retry, c.code, c.effect)
		}
		if w := do(s, "GET", "/metrics", ""); c.code >= 500 && !strings.Contains(w.Body.String(), fmt.Sprintf(`app_requests_total{code="%d",op="add_post"} 1`, c.code)) {
			t.Errorf("%s: not counted", c.name)
		}
	}
}

func TestShedding(t *testing.T) {
	store := &fakeStore{hold: make(chan struct{})}
	s := newServer(t, store, &fakeRoutes{postgres.Route{Primary: "db2"}})
	codes := make(chan int, maxReads)
	for range maxReads {
		go func() { codes <- do(s, "GET", "/feed", "").Code }()
	}
	for !full(s) {
		time.Sleep(time.Millisecond)
	}
	w := do(s, "GET", "/feed", "")
	if w.Code != 503 || w.Header().Get("X-Effect") != "none" || w.Header().Get("Retry-After") == "" {
		t.Errorf("beyond the bound: %d %v, want 503 with X-Effect and Retry-After", w.Code, w.Header())
	}
	if w := do(s, "POST", "/posts", `{"text":"a"}`, "Authorization", bearer(t, s)); w.Code != 201 {
		t.Errorf("a write while reads are at their bound: %d, want 201", w.Code)
	}
	if w := do(s, "GET", "/ready", ""); w.Code != 200 {
		t.Errorf("ready while reads are at their bound: %d, want 200", w.Code)
	}
	close(store.hold)
	for range maxReads {
		if code := <-codes; code != 200 {
			t.Errorf("a read within the bound: %d, want 200", code)
		}
	}
	if w := do(s, "GET", "/feed", ""); w.Code != 200 {
		t.Errorf("after the load: %d, want 200", w.Code)
	}
}

func full(s *Server) bool { return len(s.reads.places) == maxReads }

func TestReadySaysWhatIsMissing(t *testing.T) {
	for _, c := range []struct {
		route postgres.Route
		drain bool
		code  int
		want  int // things missing
	}{
		{postgres.Route{Primary: "a"}, false, 200, 0},
		{postgres.Route{Replicas: []string{"b"}}, false, 503, 1},
		{postgres.Route{}, false, 503, 2},
		{postgres.Route{Primary: "a"}, true, 503, 1},
	} {
		s := newServer(t, &fakeStore{}, &fakeRoutes{c.route})
		s.draining.Store(c.drain)
		w := do(s, "GET", "/ready", "")
		var got struct{ Missing []string }
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != c.code || len(got.Missing) != c.want {
			t.Errorf("%+v drain %v: %d %s (%v), want %d and %d things missing", c.route, c.drain, w.Code, w.Body, err, c.code, c.want)
		}
		if w := do(s, "GET", "/health", ""); (w.Code == 200) == c.drain {
			t.Errorf("%+v drain %v: health %d", c.route, c.drain, w.Code)
		}
	}
}

// TestDrain: a request in flight when the stop comes is answered, and readiness goes first.
func TestDrain(t *testing.T) {
	store := &fakeStore{hold: make(chan struct{})}
	s := newServer(t, store, &fakeRoutes{postgres.Route{Primary: "db2"}})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	url := "http://" + l.Addr().String()
	ctx, stop := context.WithCancel(t.Context())
	done, code := make(chan error, 1), make(chan int, 1)
	go func() { done <- serve(ctx, l, s, func(ctx context.Context) error { <-ctx.Done(); return nil }) }()
	go func() { code <- get(url + "/feed") }()
	for len(s.reads.places) == 0 {
		time.Sleep(time.Millisecond)
	}
	stop()
	for !s.draining.Load() {
		time.Sleep(time.Millisecond)
	}
	if got := get(url + "/ready"); got != 503 {
		t.Errorf("ready while draining: %d, want 503", got)
	}
	close(store.hold)
	if got := <-code; got != 200 {
		t.Errorf("the request in flight: %d, want 200", got)
	}
	if err := <-done; err != nil {
		t.Errorf("serve: %v", err)
	}
	if got := get(url + "/ready"); got != 0 {
		t.Errorf("after the drain: %d, want no answer", got)
	}
}

// get returns the status code, 0 if there was no answer.
func get(url string) int {
	res, err := http.Get(url)
	if err != nil {
		return 0
	}
	res.Body.Close()
	return res.StatusCode
}

func TestReadConfig(t *testing.T) {
	env := map[string]string{"APP_NAME": "web1", "APP_DATABASES": "db1=h:1", "APP_IDEMPOTENT": "false", "APP_CACHE": "a=h:2,b=h:3", "APP_SESSIONS": "shared", "APP_SENTINELS": "s1:1,s2:2"}
	c, err := ReadConfig(func(k string) string { return env[k] })
	if err != nil || c.Listen != ":8080" || c.Idempotent || len(c.Members) != 1 || c.Cache["b"] != "h:3" || len(c.Sentinels) != 2 {
		t.Errorf("got %+v, %v", c, err)
	}
	_, err = ReadConfig(func(k string) string {
		return map[string]string{"APP_IDEMPOTENT": "maybe", "APP_SESSIONS": "nowhere", "APP_CACHE": "x", "APP_CACHE_NAIVE": "2", "APP_PAGE_AGE": "1"}[k]
	})
	for _, want := range []string{"APP_NAME", "APP_DATABASES", "APP_IDEMPOTENT", "APP_SESSIONS", "APP_CACHE:", "APP_CACHE_NAIVE", "APP_PAGE_AGE"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v does not name %s", err, want)
		}
	}
}

// brokenSessions is a store that cannot be reached.
type brokenSessions struct{}

func (brokenSessions) Open(context.Context, int64) (string, error) { return "", session.ErrStore }
func (brokenSessions) User(context.Context, string) (int64, error) { return 0, session.ErrStore }

func TestSessionStoreDown(t *testing.T) {
	hash, err := password.Hash("p")
	if err != nil {
		t.Fatal(err)
	}
	s := newServer(t, &fakeStore{hash: hash}, &fakeRoutes{})
	s.sessions = brokenSessions{}
	for path, body := range map[string]string{"/posts": `{"text":"a"}`, "/login": `{"user":7,"password":"p"}`} {
		if w := do(s, "POST", path, body, "Authorization", "Bearer x"); w.Code != 503 || w.Header().Get("X-Effect") != "none" {
			t.Errorf("%s: %d, effect %q; want 503 without effect", path, w.Code, w.Header().Get("X-Effect"))
		}
	}
	if w := do(s, "POST", "/signup", `{"name":"n","password":"p"}`); w.Code != 201 || !strings.Contains(w.Body.String(), `"token":""`) {
		t.Errorf("signup: %d %s; want 201 without a token", w.Code, w.Body)
	}
}

// What any client gets may be kept by an edge; what depends on a session may not.
func TestCacheControl(t *testing.T) {
	s := newServer(t, &fakeStore{}, &fakeRoutes{})
	check := func(path, want string, header ...string) {
		t.Helper()
		if w := do(s, "GET", path, "", header...); w.Code != 200 || w.Header().Get("Cache-Control") != want {
			t.Errorf("%s %v: %d, %q; want 200, %q", path, header, w.Code, w.Header().Get("Cache-Control"), want)
		}
	}
	check("/feed", "")
	check(stylePath, immutable)
	s.pageAge = time.Second
	for _, path := range []string{"/feed", "/", "/posts/5"} {
		check(path, "public, max-age=1")
	}
	check("/feed", "private, no-store", seenHeader, "0/10")
	check("/feed", "private, no-store", "Authorization", "Bearer x")
	if w := do(s, "GET", "/static/style.000000000000.css", ""); w.Code != 404 || w.Header().Get("Cache-Control") != "" {
		t.Errorf("an old fingerprint: %d, %q; want 404 that nobody keeps", w.Code, w.Header().Get("Cache-Control"))
	}
	if w := do(s, "GET", "/", ""); !strings.Contains(w.Body.String(), stylePath) {
		t.Errorf("the page does not name %s", stylePath)
	}
}

func TestPhotos(t *testing.T) {
	s := newServer(t, &fakeStore{}, &fakeRoutes{})
	s.album.Dir = t.TempDir()
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, 9, 9))); err != nil {
		t.Fatal(err)
	}
	auth := bearer(t, s)
	w := do(s, "POST", "/photos", b.String(), "Authorization", auth)
	var got struct{ Photo string }
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != 201 {
		t.Fatalf("upload: %d %s (%v), want 201", w.Code, w.Body, err)
	}
	w = do(s, "GET", got.Photo, "")
	if w.Code != 200 || w.Body.String() != b.String() || w.Header().Get("Content-Type") != "image/png" || w.Header().Get("Cache-Control") != immutable {
		t.Errorf("%s: %d %v, %d bytes; want the photo, to be kept for ever", got.Photo, w.Code, w.Header(), w.Body.Len())
	}
	for name, c := range map[string]struct {
		body, auth string
		code       int
	}{"not an image": {"x", auth, 400}, "nobody": {b.String(), "", 401}, "too large": {strings.Repeat("x", photo.MaxBytes+1), auth, 413}} {
		if w := do(s, "POST", "/photos", c.body, "Authorization", c.auth); w.Code != c.code {
			t.Errorf("%s: %d, want %d", name, w.Code, c.code)
		}
	}
	if w := do(s, "GET", "/photos/none.png", ""); w.Code != 404 {
		t.Errorf("no such photo: %d, want 404", w.Code)
	}
}
