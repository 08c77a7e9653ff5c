package faketarget

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// relistenLimit bounds the wait for the own port after a Refuse.
const relistenLimit = 5 * time.Second

// memoryName is the host in the URL of a server that lives in memory. It resolves nowhere, so only Dial leads to it.
const memoryName = "fake.invalid"

// Server is a scripted HTTP server. Make it with Start or StartInMemory.
type Server struct {
	addr string
	net  network
	wg   sync.WaitGroup

	change   sync.Mutex   // held by who changes the behaviour; never taken by a request
	listener net.Listener // nil while refusing
	closed   bool

	mu      sync.Mutex // short: requests and connections take it too
	now     Behaviour
	next    chan struct{} // closed when the behaviour changes
	changes []Change
	conns   map[net.Conn]bool

	seen, accepted, answered, failed, reset, cut atomic.Uint64
}

// Start serves healthily on a free port of 127.0.0.1 until Close.
func Start() (*Server, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	addr := ln.Addr().String()
	return start(addr, loopback(addr), ln), nil
}

// StartInMemory serves healthily without a kernel until Close. Only Dial reaches it. Inside of a bubble of testing/synctest
// the server, its script and its clients live in made-up time.
func StartInMemory() *Server {
	m := &memory{}
	ln, _ := m.listen() // never fails
	return start(memoryName, m, ln)
}

func start(addr string, on network, ln net.Listener) *Server {
	s := &Server{addr: addr, net: on, next: make(chan struct{}), conns: map[net.Conn]bool{}}
	s.change.Lock()
	defer s.change.Unlock()
	s.serve(ln)
	return s
}

// Dial connects to the server, whatever address it is asked for. It fits http.Transport's DialContext.
func (s *Server) Dial(ctx context.Context, _, _ string) (net.Conn, error) {
	if m, ok := s.net.(*memory); ok {
		return m.dial(ctx)
	}
	return new(net.Dialer).DialContext(ctx, "tcp", s.addr)
}

// URL is the base URL, the same for the whole life of the server.
func (s *Server) URL() string { return "http://" + s.addr }

// Counts are the server's own counts so far.
func (s *Server) Counts() Counts {
	return Counts{
		Connections: s.accepted.Load(), Requests: s.seen.Load(), Answered: s.answered.Load(),
		Failed: s.failed.Load(), Reset: s.reset.Load(), Cut: s.cut.Load(),
	}
}

// Changes are the behaviours that were set, with the times when they took effect.
func (s *Server) Changes() []Change {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.changes)
}

// Play sets each step's behaviour at its time from begin, and returns after the last one or when ctx ends.
func (s *Server) Play(ctx context.Context, begin time.Time, steps ...Step) error {
	for _, step := range steps {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Until(begin.Add(step.At))):
		}
		if err := s.Set(step.Do); err != nil {
			return err
		}
	}
	return nil
}

// Set changes the behaviour now. After a Refuse it listens on the same port again; the error says when that port is taken.
func (s *Server) Set(b Behaviour) error {
	s.change.Lock()
	defer s.change.Unlock()
	if s.closed {
		return net.ErrClosed
	}
	if b.Mode != Refuse && s.listener == nil {
		ln, err := s.net.listen()
		if err != nil {
			return err
		}
		s.become(b)
		s.serve(ln)
		return nil
	}
	s.become(b)
	if b.Mode == Refuse {
		s.stop()
	}
	return nil
}

// become puts the behaviour into effect and lets hanging requests look again.
func (s *Server) become(b Behaviour) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = b
	s.changes = append(s.changes, Change{At: time.Now(), Do: b})
	close(s.next)
	s.next = make(chan struct{})
}

// Close resets all connections and waits until nothing of the server runs any more.
func (s *Server) Close() {
	s.change.Lock()
	if !s.closed {
		s.closed = true
		s.become(Behaviour{Mode: Refuse})
		s.stop()
	}
	s.change.Unlock()
	s.wg.Wait()
}

// serve starts to accept. The caller holds the change lock.
func (s *Server) serve(ln net.Listener) {
	s.listener = ln
	s.wg.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return // closed
			}
			s.accepted.Add(1)
			s.wg.Go(func() { s.connection(c) })
		}
	})
}

// stop closes the listener and resets all connections. The caller holds the change lock and has made the behaviour Refuse.
func (s *Server) stop() {
	if s.listener == nil {
		return
	}
	_ = s.listener.Close()
	s.listener = nil
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		abort(c)
	}
}

// enter keeps an open connection, but not one that was accepted while the server stopped.
func (s *Server) enter(c net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.now.Mode == Refuse {
		return false
	}
	s.conns[c] = true
	return true
}

func (s *Server) leave(c net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
}

// connection serves one connection until it ends.
func (s *Server) connection(c net.Conn) {
	if !s.enter(c) {
		abort(c)
		return
	}
	defer s.leave(c)
	defer c.Close()
	in := bufio.NewReader(c)
	for {
		r, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return
		}
		if !s.treat(c, s.seen.Add(1)) {
			return
		}
	}
}

func (s *Server) behaviour(nth uint64) (Behaviour, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.now.Every > 1 && nth%s.now.Every != 0 {
		return Behaviour{}, s.next
	}
	return s.now, s.next
}

// treat answers one request, or not, and says whether the connection lives on. A request that hangs meets the behaviour that
// follows, even when its client has gone: the server, like a stopped process, doesn't know.
func (s *Server) treat(c net.Conn, nth uint64) bool {
	b, changed := s.behaviour(nth)
	for b.Mode == Hang {
		<-changed
		b, changed = s.behaviour(nth)
	}
	switch b.Mode {
	case Reset, Refuse:
		s.reset.Add(1)
		abort(c)
		return false
	case Cut:
		s.cut.Add(1)
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\nX-Served-By: fake\r\n\r\nhalf")
		return false
	case Status:
		s.failed.Add(1)
		return answer(c, cmp.Or(b.Code, http.StatusInternalServerError), b.NoEffect)
	case Slow:
		time.Sleep(b.Delay)
	}
	s.answered.Add(1)
	return answer(c, http.StatusOK, false)
}

// answer writes a whole answer at once. A client that has gone is no error of the server.
func answer(c net.Conn, code int, noEffect bool) bool {
	effect := ""
	if noEffect {
		effect = "X-Effect: none\r\n"
	}
	_, err := fmt.Fprintf(c, "HTTP/1.1 %d %s\r\nContent-Length: 16\r\nX-Served-By: fake\r\n%s\r\n{\"token\":\"fake\"}", code, http.StatusText(code), effect)
	return err == nil
}

// abort closes a connection with a reset.
func abort(c net.Conn) {
	if t, ok := c.(interface{ SetLinger(sec int) error }); ok {
		_ = t.SetLinger(0)
	}
	_ = c.Close()
}

// loopback is a fixed port of the kernel's loopback.
type loopback string

// listen waits for the port: a connection of a client may hold it for a moment.
func (l loopback) listen() (net.Listener, error) {
	ctx, cancel := context.WithTimeout(context.Background(), relistenLimit)
	defer cancel()
	for {
		ln, err := net.Listen("tcp", string(l))
		if err == nil {
			return ln, nil
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(ctx.Err(), err)
		case <-time.After(time.Millisecond):
		}
	}
}
