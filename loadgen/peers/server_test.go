package peers

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// server answers each request at once with the same bytes and notes when it came: the truth that tools are held against. It
// knows as little of HTTP as it can, so that a core is enough for it and the other one is the generator's.
type server struct {
	addr  string
	wg    sync.WaitGroup
	stall sync.RWMutex // held by who stalls the server

	seen, conns atomic.Int64
	mu          sync.Mutex
	ln          net.Listener
	open        map[net.Conn]bool
	at          []time.Time
}

func serve(tb testing.TB) *server {
	tb.Helper()
	ln, err := listen()
	if err != nil {
		tb.Fatal(err)
	}
	s := &server{ln: ln, addr: ln.Addr().String(), open: map[net.Conn]bool{}}
	s.wg.Go(func() { s.accept(ln) })
	tb.Cleanup(s.close)
	return s
}

func (s *server) url() string { return "http://" + s.addr + "/" }

func (s *server) close() {
	s.vanish()
	s.wg.Wait()
}

// vanish resets all connections; from then on the address refuses new ones.
func (s *server) vanish() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ln.Close()
	for c := range s.open {
		if tcp, ok := c.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0) // a reset, as from a host where nobody knows of the connection
		}
		c.Close()
	}
}

// listen takes a port that Linux and macOS do not give to clients by default. While a server is gone, a client that tries again and again
// may get the server's very port; after some runs of wrk the server could not come back ("address already in use").
func listen() (ln net.Listener, err error) {
	for range 20 {
		if ln, err = net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", 20_000+rand.IntN(10_000))); err == nil {
			break
		}
	}
	return ln, err
}

// back listens at the same address again.
func (s *server) back() error {
	ln, err := net.Listen("tcp", s.addr)
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.ln = ln
	s.mu.Unlock()
	s.wg.Go(func() { s.accept(ln) })
	return nil
}

func (s *server) accept(ln net.Listener) {
	for {
		c, err := ln.Accept()
		if err != nil {
			return // closed
		}
		s.conns.Add(1)
		s.mu.Lock()
		s.open[c] = true
		s.mu.Unlock()
		s.wg.Go(func() {
			s.connection(c)
			c.Close()
			s.mu.Lock()
			delete(s.open, c)
			s.mu.Unlock()
		})
	}
}

var (
	endOfHead = []byte("\r\n")
	okay      = []byte("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok")
)

// connection answers the requests of a connection. They have no bodies.
func (s *server) connection(c net.Conn) {
	in := bufio.NewReader(c)
	for {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return
		}
		if !bytes.Equal(line, endOfHead) {
			continue
		}
		s.note()
		s.stall.RLock()
		_, err = c.Write(okay)
		s.stall.RUnlock()
		if err != nil {
			return
		}
	}
}

func (s *server) note() {
	s.seen.Add(1)
	now := time.Now()
	s.mu.Lock()
	s.at = append(s.at, now)
	s.mu.Unlock()
}

// hang lets no request be answered for so long, as SIGSTOP would, and says from when to when that really was.
func (s *server) hang(ctx context.Context, after, length time.Duration) (from, to time.Time) {
	wait(ctx, after)
	s.stall.Lock()
	from = time.Now()
	wait(ctx, length)
	s.stall.Unlock()
	return from, time.Now()
}

// failover lets the server hang, then vanish for so long, as a primary that froze until another took its address.
func (s *server) failover(ctx context.Context, after, hung, gone time.Duration) (from, to time.Time, err error) {
	wait(ctx, after)
	s.stall.Lock()
	from = time.Now()
	wait(ctx, hung)
	s.vanish()
	s.stall.Unlock()
	wait(ctx, gone)
	err = s.back()
	return from, time.Now(), err
}

func wait(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// reset forgets what came so far.
func (s *server) reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.at = s.at[:0]
	s.seen.Store(0)
	s.conns.Store(0)
}

// arrivals are the times at which requests came, in order.
func (s *server) arrivals() []time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := slices.Clone(s.at)
	slices.SortFunc(out, time.Time.Compare)
	return out
}

// burst is the largest number of requests that came within any 100 ms after a moment.
func burst(at []time.Time, after time.Time) int {
	most, first := 0, 0
	for i, t := range at {
		for t.Sub(at[first]) >= 100*time.Millisecond {
			first++
		}
		if at[first].After(after) {
			most = max(most, i-first+1)
		}
	}
	return most
}

// lag is how late the 99th of 100 requests came, by an even schedule that begins so that none came too early.
func lag(at []time.Time, rate int) time.Duration {
	if len(at) == 0 {
		return 0
	}
	late := make([]time.Duration, len(at))
	for i, t := range at {
		late[i] = t.Sub(at[0]) - time.Duration(float64(i)/float64(rate)*float64(time.Second))
	}
	slices.Sort(late)
	return late[len(late)*99/100] - late[0]
}

func TestTheServerKnowsTheTruth(t *testing.T) {
	s := serve(t)
	c, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for range 20 {
		if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(c, make([]byte, len(okay))); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(s.arrivals()); n != 20 || s.seen.Load() != 20 || s.conns.Load() != 1 {
		t.Errorf("%d arrivals, %d requests on %d connections; want 20 on one", n, s.seen.Load(), s.conns.Load())
	}
	begin := time.Now()
	var at []time.Time
	for i := range 1000 { // evenly at 1,000/s, but the last 100 at once and 50 ms late
		due := begin.Add(time.Duration(i) * time.Millisecond)
		if i >= 900 {
			due = begin.Add(1050 * time.Millisecond)
		}
		at = append(at, due)
	}
	if n := burst(at, begin); n != 100 {
		t.Errorf("burst of %d, want 100", n)
	}
	if l := lag(at, 1000); l < 140*time.Millisecond || l > 150*time.Millisecond {
		t.Errorf("lag %v, want that of the first of the burst but for the last hundredth", l)
	}
}

// A server that fails over answers nothing while it hangs, refuses connections while it is gone, and answers again.
func TestTheServerFailsOver(t *testing.T) {
	s := serve(t)
	get := func() error {
		c, err := net.Dial("tcp", s.addr)
		if err != nil {
			return err
		}
		defer c.Close()
		if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			return err
		}
		_, err = io.ReadFull(c, make([]byte, len(okay)))
		return err
	}
	if err := get(); err != nil {
		t.Fatal(err)
	}
	s.stall.Lock()
	hung := make(chan error, 1)
	s.wg.Go(func() { hung <- get() })
	for s.seen.Load() < 2 {
		time.Sleep(time.Millisecond)
	}
	s.vanish()
	s.stall.Unlock()
	if err := <-hung; err == nil {
		t.Error("a request was answered whose connection was reset")
	}
	if err := get(); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("%v while the server is gone, want that connections are refused", err)
	}
	if err := s.back(); err != nil {
		t.Fatal(err)
	}
	if err := get(); err != nil {
		t.Errorf("%v after it came back", err)
	}
}
