package loadgen

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// site is a small app: it logs users in and notes what it is sent.
type site struct {
	mu     sync.Mutex
	logins map[int]int
	posts  []string
	fails  int // so many logins fail first
	answer string
	refuse bool
}

func (s *site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	body, _ := io.ReadAll(r.Body)
	if r.URL.Path != "/login" {
		s.posts = append(s.posts, fmt.Sprint(r.Method, " ", r.URL, " ", r.Header.Get("Authorization"), " ", string(body), " ", r.Header.Get("X-Vegeta-Seq"), r.UserAgent()))
		return
	}
	var in struct{ User int }
	_ = json.Unmarshal(body, &in)
	s.logins[in.User]++
	switch {
	case s.refuse:
		w.WriteHeader(http.StatusUnauthorized)
	case s.fails > 0:
		s.fails--
		w.WriteHeader(http.StatusServiceUnavailable)
	case s.answer != "":
		fmt.Fprint(w, s.answer)
	default:
		fmt.Fprintf(w, `{"token":"t%d"}`, in.User)
	}
}

func TestLoginAndUse(t *testing.T) {
	s := &site{logins: map[int]int{}, fails: 2}
	srv := httptest.NewServer(s)
	defer srv.Close()
	p := profileOf(100, Op{Name: "create", Class: "write", Weight: 1, Ledger: true, Request: Request{
		Method: "POST", Path: "/posts?u={{user}}", Header: map[string]string{"Authorization": "Bearer {{token}}"}, Body: "{{user}} {{id}}"}})
	p.Users, p.Login = 20, &Request{Method: "POST", Path: "/login", Body: `{"user":{{user}},"password":"password-{{user}}"}`}
	sessions, err := Login(t.Context(), p, srv.URL+"/")
	if err != nil || sessions.Len() != 20 || sessions.Token(20) != "t20" || sessions.Token(0) != "" || sessions.Token(21) != "" {
		t.Fatalf("%+v, error %v", sessions, err)
	}
	rep, err := Run(t.Context(), p, Target{Base: srv.URL, Sessions: sessions, Origin: time.Now(), Length: 300 * time.Millisecond}, func(Sample) {})
	if err != nil || rep.Planned["create"] != 30 || len(s.posts) != 30 {
		t.Fatalf("planned %v, server saw %d, error %v", rep.Planned, len(s.posts), err)
	}
	for _, post := range s.posts {
		var inPath, inToken, inBody, id int
		if _, err := fmt.Sscanf(post, "POST /posts?u=%d Bearer t%d %d %d gauntlet", &inPath, &inToken, &inBody, &id); err != nil || inPath != inToken || inPath != inBody || inPath < 1 || inPath > 20 {
			t.Errorf("users differ within one request, or the library's headers are sent: %q, %v", post, err)
		}
	}
}

func TestLoginWithoutRequest(t *testing.T) {
	sessions, err := Login(t.Context(), profileOf(1, readOp), "http://127.0.0.1:1")
	if err != nil || sessions.Len() != 0 {
		t.Errorf("%+v, error %v; want none of both", sessions, err)
	}
}

func TestLoginFails(t *testing.T) {
	for want, c := range map[string]struct {
		site  *site
		tries int
	}{
		"not JSON":            {&site{answer: "<html>"}, loginTries},
		`no "token"`:          {&site{answer: "{}"}, loginTries},
		"Service Unavailable": {&site{fails: 1000}, loginTries},
		"401 Unauthorized":    {&site{refuse: true}, 1},
	} {
		t.Run(want, func(t *testing.T) {
			t.Parallel() // each waits between its tries
			c.site.logins = map[int]int{}
			srv := httptest.NewServer(c.site)
			defer srv.Close()
			p := Profile{Users: 1, Login: &Request{Method: "POST", Path: "/login", Body: `{"user":{{user}}}`}}
			_, err := Login(t.Context(), p, srv.URL)
			if !errors.Is(err, ErrLogin) || !strings.Contains(err.Error(), want) || c.site.logins[1] != c.tries {
				t.Errorf("error %v after %d tries, want ErrLogin with %q after %d", err, c.site.logins[1], want, c.tries)
			}
		})
	}
}

func TestModel(t *testing.T) {
	p := profileOf(200, Op{Name: "feed", Weight: 80}, Op{Name: "create", Weight: 20})
	got := p.Model()
	for _, want := range []string{"open loop: 200 requests per second", "feed 80 %, create 20 %", "deadline (1s)", "64", "no retries"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q lacks %q", got, want)
		}
	}
}
