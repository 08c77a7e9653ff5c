package loadgen

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"gauntlet/loadgen/faketarget"
)

// who notes from which connection each request came, and how old that was.
type who struct {
	mu     sync.Mutex
	first  map[string]time.Time // by the client's address
	last   map[string]time.Time
	users  map[string]string
	protos map[string]int
}

func (w *who) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	if _, ok := w.first[r.RemoteAddr]; !ok {
		w.first[r.RemoteAddr] = now
	}
	w.last[r.RemoteAddr] = now
	w.protos[r.Proto]++
	if user := r.Header.Get("X-User"); user != "" {
		if other := w.users[r.RemoteAddr]; other != "" && other != user {
			w.users[r.RemoteAddr] = "several"
			return
		}
		w.users[r.RemoteAddr] = user
	}
}

func newWho() *who {
	return &who{first: map[string]time.Time{}, last: map[string]time.Time{}, users: map[string]string{}, protos: map[string]int{}}
}

// served runs one second of reads at 100 per second against w and wants all of them to succeed.
func served(t *testing.T, w http.Handler, p Profile) Report {
	t.Helper()
	srv := httptest.NewServer(w)
	defer srv.Close()
	p.Timeout = 20 * time.Second
	got, rep, err := load(t.Context(), t, p, srv.URL, time.Second)
	if c := count(got); err != nil || c[OK] != 100 || rep.Retried != 0 {
		t.Fatalf("outcomes %v, report %+v, error %v", c, rep, err)
	}
	return rep
}

func TestClientClosesConnections(t *testing.T) {
	t.Parallel()
	w, p := newWho(), profileOf(100, readOp)
	p.Client.Close = true
	if rep := served(t, w, p); len(w.first) < 95 || rep.Dials < 100 {
		t.Errorf("%d connections, %d dials for 100 requests, want one for each", len(w.first), rep.Dials)
	}
}

func TestConnectionsHaveAMaximumAge(t *testing.T) {
	t.Parallel()
	w, p := newWho(), profileOf(100, readOp)
	p.Client.MaxAge = 200 * time.Millisecond
	served(t, w, p)
	if len(w.first) < 2 { // five on a machine that is not busy
		t.Errorf("%d connections in a second, want a new one each 200 ms", len(w.first))
	}
	for addr, at := range w.first {
		if age := w.last[addr].Sub(at); age > 20*time.Second { // the machine may hold a request back, but not for the whole run
			t.Errorf("a connection was used for %v", age)
		}
	}
}

func TestUsersHaveTheirOwnConnections(t *testing.T) {
	t.Parallel()
	op := readOp
	op.Request.Header = map[string]string{"X-User": "{{user}}"}
	w, p := newWho(), profileOf(100, op)
	p.Users, p.Client.PerUser = 5, 1
	served(t, w, p)
	if len(w.users) < 5 {
		t.Errorf("%d connections for 5 users", len(w.users))
	}
	for addr, user := range w.users {
		if user == "several" {
			t.Errorf("%s was used by several users", addr)
		}
	}
}

func TestHTTP2(t *testing.T) {
	t.Parallel()
	for _, secure := range []bool{false, true} {
		t.Run(fmt.Sprint("tls ", secure), func(t *testing.T) {
			w := newWho()
			srv := httptest.NewUnstartedServer(w)
			p := profileOf(200, readOp, writeOp)
			p.Client.HTTP2, p.Timeout, p.CatchUp = true, 20*time.Second, 10 // a busy machine is held back by the gate, but not for so long
			if secure {
				srv.EnableHTTP2 = true
				srv.StartTLS()
				p.Client.Authority = authority(t, srv.Certificate())
			} else {
				srv.Config.Protocols = new(http.Protocols)
				srv.Config.Protocols.SetUnencryptedHTTP2(true)
				srv.Start()
			}
			defer srv.Close()
			got, _, err := load(t.Context(), t, p, srv.URL, 500*time.Millisecond)
			if c := count(got); err != nil || c[OK] != 100 || w.protos["HTTP/2.0"] != 100 {
				t.Fatalf("outcomes %v, protocols %v, error %v", c, w.protos, err)
			}
			if len(w.first) > 90 { // usually 2, but until the first one stands each request asks for its own
				t.Errorf("%d connections for 100 requests, want one per class", len(w.first))
			}
		})
	}
}

// authority writes a certificate where a client model can name it.
func authority(t *testing.T, c *x509.Certificate) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestTLS(t *testing.T) {
	t.Parallel()
	srv := httptest.NewUnstartedServer(newWho())
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.StartTLS()
	defer srv.Close()
	for _, tt := range []struct {
		name string
		c    Client
		want Outcome
	}{
		{"unknown authority", Client{}, Fail},
		{"authority", Client{Authority: authority(t, srv.Certificate())}, OK},
		{"another name", Client{Authority: authority(t, srv.Certificate()), Name: "other.test"}, Fail},
		{"the certificate's name", Client{Authority: authority(t, srv.Certificate()), Name: "example.com"}, OK},
		{"insecure", Client{Insecure: true}, OK},
	} {
		p := profileOf(20, readOp)
		p.Client, p.Timeout = tt.c, 20*time.Second
		got, _, err := load(t.Context(), t, p, srv.URL, 250*time.Millisecond)
		if c := count(got); err != nil || c[tt.want] != 5 {
			t.Errorf("%s: outcomes %v, error %v, want all %v", tt.name, c, err, tt.want)
		}
		for _, x := range got {
			if x.Out == Fail && x.Err != ErrKindCertificate {
				t.Errorf("%s: %+v, want it called a matter of the certificate", tt.name, x)
			}
		}
	}
	if err := (Client{Authority: "/does/not/exist"}).check(0); err == nil {
		t.Error("a missing authority was accepted")
	}
}

// zone is a DNS server whose one name points where it is told.
type zone struct {
	addr    atomic.Value // netip.Addr
	ttl     uint32
	queries atomic.Int64
	conn    net.PacketConn
	done    sync.WaitGroup
}

func newZone(t *testing.T, addr string, ttl uint32) *zone {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	z := &zone{ttl: ttl, conn: conn}
	z.addr.Store(netip.MustParseAddr(addr))
	z.done.Go(z.serve)
	t.Cleanup(func() { _ = conn.Close(); z.done.Wait() })
	return z
}

func (z *zone) serve() {
	buf := make([]byte, 1500)
	for {
		n, from, err := z.conn.ReadFrom(buf)
		if err != nil {
			return
		}
		var q dnsmessage.Message
		if q.Unpack(buf[:n]) != nil || len(q.Questions) != 1 {
			continue
		}
		q.Response, q.Authoritative, q.Additionals = true, true, nil
		if question := q.Questions[0]; question.Type == dnsmessage.TypeA {
			z.queries.Add(1)
			q.Answers = []dnsmessage.Resource{{
				Header: dnsmessage.ResourceHeader{Name: question.Name, Class: question.Class, Type: question.Type, TTL: z.ttl},
				Body:   &dnsmessage.AResource{A: z.addr.Load().(netip.Addr).As4()},
			}}
		}
		if out, err := q.Pack(); err == nil {
			_, _ = z.conn.WriteTo(out, from)
		}
	}
}

// Where names are held a failover by DNS is never seen. Where their TTL is honoured, or each dial asks, it is. The old origin
// has died, so that no kept-alive connection leads there.
func TestNamesThatMove(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		dns  DNS
		ttl  uint32
		sees bool
		most int64 // queries
	}{
		{DNSDial, 3600, true, 1000},
		{DNSTTL, 1, true, 60},
		{DNSTTL, 3600, false, 2},
		{DNSHold, 0, false, 2},
	} {
		t.Run(fmt.Sprint(string(tt.dns), " ", tt.ttl), func(t *testing.T) {
			t.Parallel()
			z := newZone(t, "127.0.0.1", tt.ttl)
			p := profileOf(20, readOp)
			p.Client = Client{DNS: tt.dns, Resolver: z.conn.LocalAddr().String(), Close: true}
			dial := p.Client.dialer(5 * time.Second)
			a, b := listen(t, "127.0.0.1:0"), ""
			_, port, _ := net.SplitHostPort(a)
			b = listen(t, "127.0.0.2:"+port)
			reached := func() string {
				c, err := dial(t.Context(), "tcp", "moving.test:"+port)
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				return c.RemoteAddr().String()
			}
			if got := reached(); got != a {
				t.Fatalf("reached %s, want %s", got, a)
			}
			z.addr.Store(netip.MustParseAddr("127.0.0.2"))
			for end := time.Now().Add(10 * time.Second); tt.sees && reached() != b; time.Sleep(100 * time.Millisecond) {
				if time.Now().After(end) {
					t.Fatal("the new address was never seen")
				}
			}
			if got := reached(); tt.sees != (got == b) {
				t.Errorf("reached %s, want the new address: %v", got, tt.sees)
			}
			if n := z.queries.Load(); n > tt.most {
				t.Errorf("%d queries, want at most %d", n, tt.most)
			}
		})
	}
}

// listen accepts connections on an address and returns it.
func listen(t *testing.T, addr string) string {
	t.Helper()
	ln, err := net.Listen("tcp4", addr)
	if err != nil {
		t.Skipf("this machine has no %s: %v", addr, err)
	}
	var accept sync.WaitGroup
	accept.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			_ = c.Close()
		}
	})
	t.Cleanup(func() { _ = ln.Close(); accept.Wait() })
	return ln.Addr().String()
}

func TestNameThatIsNotThere(t *testing.T) {
	t.Parallel()
	z := newZone(t, "127.0.0.1", 1)
	z.conn.Close() // nobody answers
	p := profileOf(10, readOp)
	p.Client = Client{DNS: DNSTTL, Resolver: z.conn.LocalAddr().String()}
	got, _, err := load(t.Context(), t, p, "http://gone.test", 300*time.Millisecond)
	if err != nil || len(got) != 3 {
		t.Fatalf("%d samples, %v", len(got), err)
	}
	for _, x := range got {
		if x.Out == OK || x.Out == Info {
			t.Errorf("%+v, want it never sent", x)
		}
	}
}

// What each part of the client model says in the report.
func TestModelNamesTheClient(t *testing.T) {
	p := profileOf(100, readOp)
	p.Users, p.CatchUp, p.Shape = 7, 1.2, Spike(100, 1000, time.Second, time.Second)
	p.Client = Client{HTTP2: true, MaxAge: time.Minute, PerUser: 2, DNS: DNSTTL, Insecure: true}
	for _, want := range []string{"100/s for 1s, 1000/s for 1s", "each user with a pool of 2", "HTTP/2", "older than 1m0s", "TTL", "not checked", "1.2 times", "no retries"} {
		if !strings.Contains(p.Model(), want) {
			t.Errorf("%q lacks %q", p.Model(), want)
		}
	}
	p.Client = Client{Close: true, DNS: DNSHold}
	if got := p.Model(); !strings.Contains(got, "single-use HTTP/1.1") || !strings.Contains(got, "looked up once") {
		t.Errorf("%q", got)
	}
}

// The same resets as in TestNoHiddenRetries, over HTTP/2's and each other client's transport, are all reported.
func TestNoHiddenRetriesWithOtherClients(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]Client{"max age": {MaxAge: 100 * time.Millisecond}, "per user": {PerUser: 2}, "single-use": {Close: true}} {
		t.Run(name, func(t *testing.T) {
			s := fake(t)
			if err := s.Set(faketarget.Behaviour{Mode: faketarget.Reset, Every: 10}); err != nil {
				t.Fatal(err)
			}
			p := profileOf(200, readOp)
			p.Client, p.Users, p.Timeout, p.CatchUp = c, 10, 20*time.Second, 10
			got, rep, err := load(t.Context(), t, p, s.URL(), time.Second)
			if err != nil || rep.Retried != 0 {
				t.Fatalf("%+v, %v", rep, err)
			}
			resets := uint64(0)
			for _, x := range got {
				if x.Err == "reset" {
					resets++
				}
			}
			if truth := s.Counts(); resets != truth.Reset || resets < 10 { // 20 of 200, if none is missed
				t.Errorf("%d resets reported, server counts %+v", resets, truth)
			}
		})
	}
}
