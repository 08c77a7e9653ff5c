//go:build linux

package httpfault

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"gauntlet/chaos"
	"gauntlet/chaos/agent"
	"gauntlet/chaos/agent/nft"
)

var _ agent.Worker = (*Worker)(nil)

// site is a target in this process's namespace and clients outside.
type site struct {
	*outside
	port    uint16
	release chan bool // lets requests to /slow go on
}

// newSite starts a target that answers with the address of its client.
func newSite(t testing.TB) *site {
	t.Helper()
	s := &site{outside: newOutside(t), release: make(chan bool)}
	l, err := net.Listen("tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	s.port = uint16(l.Addr().(*net.TCPAddr).Port)
	srv := &http.Server{Handler: http.HandlerFunc(s.answer)}
	var serving sync.WaitGroup
	serving.Go(func() { _ = srv.Serve(l) })
	t.Cleanup(func() { _ = srv.Close(); serving.Wait() })
	return s
}

func (s *site) answer(w http.ResponseWriter, r *http.Request) {
	host, _, _ := net.SplitHostPort(r.RemoteAddr)
	if r.URL.Path == "/slow" {
		_, _ = io.WriteString(w, "begun, ")
		_ = http.NewResponseController(w).Flush()
		select {
		case <-s.release:
		case <-r.Context().Done():
		}
	}
	_, _ = io.WriteString(w, host)
}

func (s *site) addr(ip string) string { return net.JoinHostPort(ip, fmt.Sprint(s.port)) }

// client is an HTTP client outside.
func (s *site) client(t testing.TB) *http.Client {
	tr := &http.Transport{DialContext: func(ctx context.Context, _, addr string) (net.Conn, error) { return s.dial(ctx, addr) }}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, Timeout: patience}
}

// get asks once; the status is 0 if that failed.
func (s *site) get(t testing.TB, c *http.Client, ip, path string) (status int, text string, err error) {
	t.Helper()
	res, err := c.Get("http://" + s.addr(ip) + path)
	if err != nil {
		return 0, "", err
	}
	body, err := io.ReadAll(res.Body)
	return res.StatusCode, string(body), errors.Join(err, res.Body.Close())
}

// mustReach asks on a new connection, directly or not.
func (s *site) mustReach(t *testing.T, ip string, directly bool) {
	t.Helper()
	_, text, err := s.get(t, s.client(t), ip, "/")
	if err != nil || (text != ip) != directly {
		t.Errorf("the target saw client %q, %v; directly should be %v (its own address is %s)", text, err, directly, ip)
	}
}

func newWorker(t testing.TB) *Worker {
	t.Helper()
	w := New()
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
		mustBeGone(t)
	})
	return w
}

// mustBeGone asks the kernel on a socket of its own, for up to patience: an owner's death is noticed a moment later.
func mustBeGone(t testing.TB) {
	t.Helper()
	table, err := nft.Open(TableName)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = table.Close() }()
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		state, err := table.Read()
		if err == nil && !state.Exists {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("table %s = %+v, %v; want none", TableName, state, err)
		}
	}
}

func (s *site) op(h chaos.HTTPRule) chaos.Op {
	h.Ports = []uint16{s.port}
	return chaos.Op{Verb: chaos.VerbHTTP, HTTP: &h}
}

func (s *site) apply(t testing.TB, w *Worker, id string, h chaos.HTTPRule) {
	t.Helper()
	proof, err := w.Apply(t.Context(), id, s.op(h))
	if err != nil {
		t.Fatal(err)
	}
	t.Log(proof)
	if err := w.Check(t.Context(), id); err != nil {
		t.Errorf("Check = %v", err)
	}
}

func TestStatusForAShare(t *testing.T) {
	s := newSite(t)
	w := newWorker(t)
	s.apply(t, w, "x", chaos.HTTPRule{Path: "/a/", Share: 0.25, Status: 503, Seed: 7})
	c := s.client(t)
	hits := 0
	for i := range 4 * block {
		if status, _, err := s.get(t, c, s.ip4, "/a/b"); err != nil {
			t.Fatal(err)
		} else if status == 503 {
			hits++
		}
		if status, _, err := s.get(t, c, s.ip4, "/b"); i < 10 && (status != 200 || err != nil) {
			t.Fatalf("another path gets %d, %v", status, err)
		}
	}
	if hits != block {
		t.Errorf("%d of %d requests were hit, want %d", hits, 4*block, block)
	}
	for _, ip := range []string{"127.0.0.1", s.ip4} { // from inside: never
		if res, err := http.Get("http://" + s.addr(ip) + "/a/b"); err != nil || res.StatusCode != 200 {
			t.Errorf("from inside by %s: %v, %v; want 200", ip, res, err)
		} else {
			_ = res.Body.Close()
		}
	}
	http.DefaultClient.CloseIdleConnections()
	if err := w.Clear(t.Context(), "x", chaos.Op{}); err != nil {
		t.Error(err)
	}
	s.mustReach(t, s.ip4, true)
	if err := w.Check(t.Context(), "x"); err == nil {
		t.Error("Check after Clear = nil, want an error")
	}
}

func TestIPv6(t *testing.T) {
	s := newSite(t)
	if s.ip6 == "" {
		t.Skip("no IPv6 here: not tested: redirects of IPv6")
	}
	s.mustReach(t, s.ip6, true)
	w := newWorker(t)
	s.apply(t, w, "x", chaos.HTTPRule{Path: "/x", Share: 1, Status: 500})
	if status, _, err := s.get(t, s.client(t), s.ip6, "/x"); status != 500 {
		t.Errorf("status = %d, %v; want 500", status, err)
	}
	s.mustReach(t, s.ip6, false)
}

func TestAbort(t *testing.T) {
	s := newSite(t)
	w := newWorker(t)
	s.apply(t, w, "x", chaos.HTTPRule{Method: "GET", Share: 1, Abort: true})
	if status, _, err := s.get(t, s.client(t), s.ip4, "/"); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("status = %d, %v; want %v", status, err, syscall.ECONNRESET)
	}
}

func TestRulesCompose(t *testing.T) {
	s := newSite(t)
	w := newWorker(t)
	s.apply(t, w, "a", chaos.HTTPRule{Share: 1, Delay: 150 * time.Millisecond})
	s.apply(t, w, "b", chaos.HTTPRule{Share: 1, Delay: 150 * time.Millisecond, Status: 500})
	s.apply(t, w, "b", chaos.HTTPRule{Share: 1, Delay: 150 * time.Millisecond, Status: 502}) // replaces
	c := s.client(t)
	asked := time.Now()
	if status, _, err := s.get(t, c, s.ip4, "/"); status != 502 || err != nil {
		t.Errorf("status = %d, %v; want 502", status, err)
	}
	if took := time.Since(asked); took < 300*time.Millisecond {
		t.Errorf("took %s, want the sum of both delays, 300ms, or more", took)
	}
	if err := w.Clear(t.Context(), "b", chaos.Op{}); err != nil {
		t.Fatal(err)
	}
	if status, _, err := s.get(t, c, s.ip4, "/"); status != 200 || err != nil {
		t.Errorf("status = %d, %v; want 200 when only the delay is left", status, err)
	}
	if err := w.Check(t.Context(), "a"); err != nil {
		t.Errorf("Check of what is left = %v", err)
	}
	if _, err := w.Apply(t.Context(), "c", chaos.Op{Verb: chaos.VerbHTTP, HTTP: &chaos.HTTPRule{Share: 2}}); err == nil {
		t.Error("Apply of a bad rule = nil, want an error")
	}
}

// TestOldConnectionsBreakOnce: a client with keep-alive must not go on past the fault.
func TestOldConnectionsBreakOnce(t *testing.T) {
	for _, how := range []string{"destroyed by the kernel", "reset by the table"} {
		t.Run(how, func(t *testing.T) {
			s := newSite(t)
			w := newWorker(t)
			if how == "reset by the table" {
				w.destroy = func([]uint16) {} // as where the kernel can't
			}
			old, err := s.dial(t.Context(), s.addr(s.ip4))
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = old.Close() }()
			_ = old.SetDeadline(time.Now().Add(patience))
			answers := bufio.NewReader(old)
			ask(t, old, answers)
			s.apply(t, w, "x", chaos.HTTPRule{Path: "/none", Share: 1, Status: 503})
			_, werr := io.WriteString(old, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
			_, rerr := answers.ReadByte()
			if err := errors.Join(werr, rerr); !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, syscall.EPIPE) {
				t.Errorf("the old connection gets %v, want %v", err, syscall.ECONNRESET)
			}
			s.mustReach(t, s.ip4, false)
			s.apply(t, w, "y", chaos.HTTPRule{Path: "/none", Share: 1, Status: 503}) // the same port again breaks nothing
			c := s.client(t)
			for range 3 {
				if _, _, err := s.get(t, c, s.ip4, "/"); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

func ask(t *testing.T, c net.Conn, answers *bufio.Reader) *http.Response {
	t.Helper()
	send(t, c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	res, err := http.ReadResponse(answers, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		t.Fatal(err)
	}
	return res
}

// TestClearBreaksNothing: what runs when a rule is cleared comes to its end, and then the client reaches the target itself.
func TestClearBreaksNothing(t *testing.T) {
	s := newSite(t)
	w := newWorker(t)
	s.apply(t, w, "x", chaos.HTTPRule{Path: "/none", Share: 1, Status: 503})
	idle, err := s.dial(t.Context(), s.addr(s.ip4))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = idle.Close() }()
	answers := bufio.NewReader(idle)
	if res := ask(t, idle, answers); res.Close {
		t.Error("an answer says close while the rule stands")
	}
	c := s.client(t)
	res, err := c.Get("http://" + s.addr(s.ip4) + "/slow")
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Clear(t.Context(), "x", chaos.Op{}); err != nil {
		t.Fatal(err)
	}
	s.mustReach(t, s.ip4, true)
	if err := w.Clear(t.Context(), "x", chaos.Op{}); err != nil {
		t.Errorf("second Clear = %v", err)
	}
	time.Sleep(200 * time.Millisecond) // the kernel takes down what rules needed some milliseconds after the rules
	close(s.release)
	text, err := io.ReadAll(res.Body)
	if want := "begun, " + s.ip4; string(text) != want || err != nil {
		t.Errorf("the answer under way is %q, %v; want %q", text, err, want)
	}
	_ = res.Body.Close()
	if res := ask(t, idle, answers); !res.Close {
		t.Error("the idle connection's next answer does not say close")
	}
	for range 5 {
		if _, text, err := s.get(t, c, s.ip4, "/"); err != nil || strings.Contains(text, s.ip4) {
			t.Logf("the target saw %q, %v", text, err) // one more may come by the proxy
		}
	}
	if _, text, err := s.get(t, c, s.ip4, "/"); err != nil || text == s.ip4 {
		t.Errorf("the target saw client %q, %v; want another one than itself", text, err)
	}
	s.apply(t, w, "again", chaos.HTTPRule{Share: 1, Status: 503})
	if status, _, err := s.get(t, s.client(t), s.ip4, "/"); status != 503 {
		t.Errorf("status after applying again = %d, %v; want 503", status, err)
	}
}

func TestCheckReadsBack(t *testing.T) {
	s := newSite(t)
	w := newWorker(t)
	s.apply(t, w, "x", chaos.HTTPRule{Share: 1, Status: 503})
	_ = w.proxy.listener.Close()
	w.proxy.running.Wait()
	if err := w.Check(t.Context(), "x"); err == nil {
		t.Error("Check without a proxy = nil, want an error")
	}
	s.apply(t, w, "x", chaos.HTTPRule{Share: 1, Status: 504}) // starts another one
	if status, _, err := s.get(t, s.client(t), s.ip4, "/"); status != 504 {
		t.Errorf("status = %d, %v; want 504", status, err)
	}
	if err := w.away.divert(nil, 1); err != nil {
		t.Fatal(err)
	}
	if err := w.Check(t.Context(), "x"); err == nil {
		t.Error("Check without a redirect = nil, want an error")
	}
}

// TestForeignTable: two agents at once, or somebody else's table of that name.
func TestForeignTable(t *testing.T) {
	s := newSite(t)
	w, second := newWorker(t), New()
	s.apply(t, w, "x", chaos.HTTPRule{Path: "/none", Share: 1, Status: 503})
	if _, err := second.Apply(t.Context(), "y", s.op(chaos.HTTPRule{Share: 1, Abort: true})); !errors.Is(err, nft.ErrForeign) {
		t.Errorf("Apply beside another agent = %v, want %v", err, nft.ErrForeign)
	}
	if err := second.Clear(t.Context(), "y", chaos.Op{}); err != nil {
		t.Error(err)
	}
	if err := second.Close(); err != nil {
		t.Error(err)
	}
	if err := w.Check(t.Context(), "x"); err != nil {
		t.Errorf("Check of the first = %v", err)
	}
}
