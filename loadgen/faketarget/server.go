package faketarget

import (
	"cmp"
	"context"
	"errors"
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

// Server is a scripted HTTP server on a port of 127.0.0.1. Make it with Start.
type Server struct {
	addr string
	wg   sync.WaitGroup

	change sync.Mutex   // held by who changes the behaviour; never taken by a request
	srv    *http.Server // nil while refusing
	closed bool

	mu      sync.Mutex // short: requests and connections take it too
	now     Behaviour
	next    chan struct{} // closed when the behaviour changes
	changes []Change
	conns   map[net.Conn]bool

	seen, accepted, answered, failed, reset, cut atomic.Uint64
}

// Start serves healthily on a free port until Close.
func Start() (*Server, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &Server{addr: ln.Addr().String(), next: make(chan struct{}), conns: map[net.Conn]bool{}}
	s.change.Lock()
	defer s.change.Unlock()
	s.serve(ln)
	return s, nil
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
	if b.Mode != Refuse && s.srv == nil {
		ln, err := relisten(s.addr)
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
	srv := &http.Server{Handler: http.HandlerFunc(s.handle), ConnState: s.track}
	s.srv = srv
	s.wg.Go(func() { _ = srv.Serve(ln) }) // always ends with an error, because the listener is closed
}

// stop closes the listener and resets all connections. The caller holds the change lock and has made the behaviour Refuse.
func (s *Server) stop() {
	if s.srv == nil {
		return
	}
	s.mu.Lock()
	for c := range s.conns {
		abort(c)
	}
	s.mu.Unlock()
	_ = s.srv.Close() // only closes what is closed anyway
	s.srv = nil
}

// track keeps the open connections, and resets one that was accepted while the server stopped.
func (s *Server) track(c net.Conn, state http.ConnState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch state {
	case http.StateNew:
		s.accepted.Add(1)
		s.conns[c] = true
		s.wg.Add(1) // from Serve's goroutine, which is waited for as well
		if s.now.Mode == Refuse {
			abort(c)
		}
	case http.StateClosed, http.StateHijacked:
		delete(s.conns, c)
		s.wg.Done()
	}
}

func (s *Server) behaviour() (Behaviour, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now, s.next
}

// handle treats one request. A request that hangs meets the behaviour that follows.
func (s *Server) handle(w http.ResponseWriter, r *http.Request) {
	s.wg.Add(1)
	defer s.wg.Done()
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		return
	}
	nth := s.seen.Add(1)
	for {
		b, changed := s.behaviour()
		if b.Every > 1 && nth%b.Every != 0 {
			b = Behaviour{}
		}
		switch b.Mode {
		case Hang:
			select {
			case <-changed:
				continue
			case <-r.Context().Done():
				return
			}
		case Slow:
			select {
			case <-time.After(b.Delay):
			case <-r.Context().Done():
				return
			}
			s.answer(w, http.StatusOK)
		case Status:
			if b.NoEffect {
				w.Header().Set("X-Effect", "none")
			}
			s.answer(w, cmp.Or(b.Code, http.StatusInternalServerError))
		case Reset, Refuse:
			s.hijack(w, "", &s.reset)
		case Cut:
			s.hijack(w, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\nX-Served-By: fake\r\n\r\nhalf", &s.cut)
		default:
			s.answer(w, http.StatusOK)
		}
		return
	}
}

func (s *Server) answer(w http.ResponseWriter, code int) {
	w.Header().Set("X-Served-By", "fake")
	w.WriteHeader(code)
	if code < 300 {
		s.answered.Add(1)
	} else {
		s.failed.Add(1)
	}
	_, _ = io.WriteString(w, `{"token":"fake"}`) // a client that has gone is no error of the server
}

// hijack writes text and ends the connection: by a reset if there is no text.
func (s *Server) hijack(w http.ResponseWriter, text string, count *atomic.Uint64) {
	c, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return // reset by the server's stop already
	}
	count.Add(1)
	if text == "" {
		abort(c)
		return
	}
	_, _ = io.WriteString(c, text)
	_ = c.Close()
}

// abort closes a connection with a reset.
func abort(c net.Conn) {
	if t, ok := c.(*net.TCPConn); ok {
		_ = t.SetLinger(0)
	}
	_ = c.Close()
}

// relisten waits for the port: a connection of a client may hold it for a moment.
func relisten(addr string) (net.Listener, error) {
	ctx, cancel := context.WithTimeout(context.Background(), relistenLimit)
	defer cancel()
	for {
		ln, err := net.Listen("tcp", addr)
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
