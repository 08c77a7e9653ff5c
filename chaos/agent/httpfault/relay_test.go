//go:build linux

package httpfault

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// patience is how long a test waits for what must come.
const patience = 30 * time.Second

// bench is a relay between two connections whose other ends are the test's.
type bench struct {
	client, server *net.TCPConn // the test's ends: of the client, and of the target
	answers        *bufio.Reader
	requests       *bufio.Reader
	drain          atomic.Bool
	stop           context.CancelFunc
	ended          sync.WaitGroup
}

func newBench(t *testing.T, judge func(*http.Request) verdict) *bench {
	t.Helper()
	b := &bench{}
	var client, server *net.TCPConn
	b.client, client = pair(t)
	server, b.server = pair(t)
	b.answers, b.requests = bufio.NewReader(b.client), bufio.NewReader(b.server)
	ctx, stop := context.WithCancel(t.Context())
	b.stop = stop
	if judge == nil {
		judge = func(*http.Request) verdict { return verdict{} }
	}
	b.ended.Go(func() { newRelay(client, server, judge, b.drain.Load).run(ctx) })
	t.Cleanup(func() {
		stop()
		b.ended.Wait()
		_ = b.client.Close()
		_ = b.server.Close()
	})
	return b
}

// pair is a connection's two ends.
func pair(t *testing.T) (a, b *net.TCPConn) {
	t.Helper()
	l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	if a, err = net.DialTCP("tcp", nil, l.Addr().(*net.TCPAddr)); err != nil {
		t.Fatal(err)
	}
	if b, err = l.AcceptTCP(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []*net.TCPConn{a, b} {
		if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.SetDeadline(time.Time{}); err != nil { // which end is the relay's differs
		t.Fatal(err)
	}
	return a, b
}

func send(t *testing.T, c net.Conn, text string) {
	t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatalf("send %.40q: %v", text, err)
	}
}

// expect reads exactly the text.
func expect(t *testing.T, from *bufio.Reader, text string) {
	t.Helper()
	got := make([]byte, len(text))
	n, err := io.ReadFull(from, got)
	if string(got[:n]) != text {
		t.Fatalf("got %q, %v\nwant %q", got[:n], err, text)
	}
}

// expectEnd reads a proper end of the connection.
func expectEnd(t *testing.T, from *bufio.Reader) {
	t.Helper()
	if got, err := from.ReadByte(); err != io.EOF {
		t.Errorf("got %q, %v; want the end", got, err)
	}
}

// scenes are dialogues that must pass byte by byte: lines of the client, of the server, in turn.
var scenes = map[string][]string{
	"odd case and order of headers": {
		"GET /a?b=c HTTP/1.1\r\nhOST: x\r\nb: 1\r\nA:2\r\nuser-AGENT:  y \r\n\r\n",
		"HTTP/1.1 200 Fine\r\nserver: z\r\ncontent-LENGTH: 2\r\n\r\nhi",
	},
	"keep-alive": {
		"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 204 No Content\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\ndef",
		"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: x\r\nIf-None-Match: y\r\n\r\n", "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
	},
	"chunks with trailers": {
		"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3;ext=1\r\nabc\r\nA\r\n0123456789\r\n0\r\nT: 1\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nTrailer: y\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 204 No Content\r\n\r\n",
	},
	"100 Continue": {
		"PUT / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n",
		"HTTP/1.1 100 Continue\r\n\r\n",
		"abc",
		"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 204 No Content\r\n\r\n",
	},
	"early hints": {
		"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
		"HTTP/1.1 103 Early Hints\r\nLink: y\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
		"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 204 No Content\r\n\r\n",
	},
	"upgrade": {
		"GET /chat HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
		"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
		"\x81\x05hello", "\x81\x02ho", "GET / not HTTP any more", "\x00",
	},
	"streaming": {
		"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n",
		"", "data: 2\n\n", "", "data: 3\n\n",
	},
	"TLS":                      {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "\x16\x03\x03\x00\x7a", "\x14\x03\x03\x00\x01\x01", "\x17\x03\x03"},
	"HTTP/2":                   {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00", "\x00\x00\x00\x04\x00", "\x00\x00\x00", "\x01"},
	"server speaks first":      {"", "220 hello\r\n", "EHLO x\r\n", "250 fine\r\n", "GET / HTTP/1.1\r\n\r\n", "500 what\r\n"},
	"head of more than 16 KiB": {"GET / HTTP/1.1\r\nCookie: " + strings.Repeat("x", 2*headSize) + "\r\n\r\n", "HTTP/1.1 431 Too Large\r\nContent-Length: 0\r\n\r\n"},
	"broken request":           {"GET /\x01 HTTP/1.1\r\n:\r\n\r\n", "HTTP/1.1 400 Bad Request\r\n\r\n"},
	"strange answer":           {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "ICY 200 OK\r\n\r\nmusic", "", "more"},
}

func TestPassesUntouched(t *testing.T) {
	for name, scene := range scenes {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, nil)
			for i, text := range scene {
				if i%2 == 0 {
					send(t, b.client, text)
					expect(t, b.requests, text)
				} else {
					send(t, b.server, text)
					expect(t, b.answers, text)
				}
			}
			_ = b.client.CloseWrite()
			expectEnd(t, b.requests)
			_ = b.server.CloseWrite()
			expectEnd(t, b.answers)
			b.ended.Wait()
		})
	}
}

func TestPipelinedRequestsGoOneByOne(t *testing.T) {
	b := newBench(t, nil)
	one := "GET / HTTP/1.1\r\nHost: x\r\n\r\n"
	send(t, b.client, one+one+one)
	for range 3 {
		expect(t, b.requests, one)
		if b.requests.Buffered() > 0 {
			t.Error("a request came before the answer to the one before")
		}
		answer := "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1"
		send(t, b.server, answer)
		expect(t, b.answers, answer)
	}
}

func TestEndsAreHandedOn(t *testing.T) {
	request := "GET / HTTP/1.1\r\nHost: x\r\n\r\n"
	t.Run("server closes after an answer", func(t *testing.T) {
		b := newBench(t, nil)
		send(t, b.client, request)
		expect(t, b.requests, request)
		answer := "HTTP/1.0 200 OK\r\n\r\nuntil the end"
		send(t, b.server, answer)
		_ = b.server.Close()
		expect(t, b.answers, answer)
		expectEnd(t, b.answers)
	})
	t.Run("server closes an idle connection", func(t *testing.T) {
		b := newBench(t, nil)
		_ = b.server.Close()
		expectEnd(t, b.answers)
	})
	t.Run("server resets", func(t *testing.T) {
		b := newBench(t, nil)
		send(t, b.client, request)
		expect(t, b.requests, request)
		reset(b.server)
		mustReset(t, b.client)
	})
	t.Run("server answers before the body has come", func(t *testing.T) {
		b := newBench(t, nil)
		head := "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n"
		send(t, b.client, head)
		expect(t, b.requests, head)
		answer := "HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
		send(t, b.server, answer)
		_ = b.server.Close()
		expect(t, b.answers, answer)
		expectEnd(t, b.answers)
	})
	t.Run("client gives up while it waits", func(t *testing.T) {
		b := newBench(t, nil)
		send(t, b.client, request)
		expect(t, b.requests, request)
		_ = b.client.Close()
		expectEnd(t, b.requests)
	})
	t.Run("client resets while it waits", func(t *testing.T) {
		b := newBench(t, nil)
		send(t, b.client, request)
		expect(t, b.requests, request)
		reset(b.client)
		mustReset(t, b.server)
	})
	t.Run("worker ends", func(t *testing.T) {
		b := newBench(t, nil)
		send(t, b.client, request)
		expect(t, b.requests, request)
		b.stop()
		mustReset(t, b.client)
	})
}

func mustReset(t *testing.T, c *net.TCPConn) {
	t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(patience))
	if n, err := c.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("read %d bytes, %v; want %v", n, err, syscall.ECONNRESET)
	}
}

func TestFaults(t *testing.T) {
	var hit atomic.Pointer[verdict]
	judge := func(req *http.Request) verdict {
		if req.URL.Path == "/hit" {
			return *hit.Load()
		}
		return verdict{}
	}
	passes := func(t *testing.T, b *bench) {
		t.Helper()
		request, answer := "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
		send(t, b.client, request)
		expect(t, b.requests, request)
		send(t, b.server, answer)
		expect(t, b.answers, answer)
	}
	status := func(t *testing.T, b *bench, request string, closes bool) {
		t.Helper()
		hit.Store(&verdict{status: 503, id: "x"})
		send(t, b.client, request)
		method, _, _ := strings.Cut(request, " ")
		res, err := http.ReadResponse(b.answers, &http.Request{Method: method})
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(res.Body)
		if err != nil || method != "HEAD" && string(text) != "fault injected\n" {
			t.Errorf("body = %q, %v", text, err)
		}
		if res.StatusCode != 503 || res.Close != closes || res.Header.Get("Gauntlet-Fault") != "x" {
			t.Errorf("answer = %s, close %v, %v; want 503, close %v, the rule's id", res.Status, res.Close, res.Header, closes)
		}
	}
	t.Run("status", func(t *testing.T) {
		b := newBench(t, judge)
		passes(t, b)
		status(t, b, "GET /hit HTTP/1.1\r\nHost: x\r\n\r\n", false)
		passes(t, b)
		status(t, b, "HEAD /hit HTTP/1.1\r\nHost: x\r\n\r\n", false)
		status(t, b, "POST /hit HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc", false)
		passes(t, b)
		status(t, b, "POST /hit HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", true)
		expectEnd(t, b.answers)
	})
	t.Run("status for a client that waits to send", func(t *testing.T) {
		b := newBench(t, judge)
		status(t, b, "PUT /hit HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n", true)
		expectEnd(t, b.answers)
	})
	t.Run("abort", func(t *testing.T) {
		b := newBench(t, judge)
		passes(t, b)
		hit.Store(&verdict{abort: true})
		send(t, b.client, "GET /hit HTTP/1.1\r\nHost: x\r\n\r\n")
		mustReset(t, b.client)
	})
	t.Run("delay", func(t *testing.T) {
		b := newBench(t, judge)
		hit.Store(&verdict{delay: 300 * time.Millisecond})
		began := time.Now()
		request := "GET /hit HTTP/1.1\r\nHost: x\r\n\r\n"
		send(t, b.client, request)
		expect(t, b.requests, request)
		if took := time.Since(began); took < 300*time.Millisecond {
			t.Errorf("the request came after %s, want 300ms or more", took)
		}
		send(t, b.server, "HTTP/1.1 204 No Content\r\n\r\n")
		expect(t, b.answers, "HTTP/1.1 204 No Content\r\n\r\n")
		passes(t, b)
	})
}

func TestDrainingEndsAfterAnAnswer(t *testing.T) {
	b := newBench(t, nil)
	b.drain.Store(true)
	request := "GET / HTTP/1.1\r\nHost: x\r\n\r\n"
	send(t, b.client, request)
	expect(t, b.requests, request)
	send(t, b.server, "HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nKeep-Alive: timeout=5\r\nContent-Length: 2\r\n\r\nhi")
	expect(t, b.answers, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi")
	expectEnd(t, b.answers)
	expectEnd(t, b.requests)
}

func FuzzHead(f *testing.F) {
	for _, scene := range scenes {
		for _, text := range scene {
			f.Add([]byte(text))
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		whole := bufio.NewReaderSize(strings.NewReader(string(text)), headSize)
		head, _, body, err := readRequest(whole)
		if err != nil && whole.Buffered() != min(len(text), headSize) && len(text) > 0 && whole.Buffered() != 0 {
			t.Errorf("%d bytes are left after an error, want all %d", whole.Buffered(), len(text))
		}
		if err == nil && (!strings.HasPrefix(string(text), string(head)) || body.length < 0) {
			t.Errorf("head %q of %q, body %+v", head, text, body)
		}
	})
}
