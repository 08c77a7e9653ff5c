package lease

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

// Why a line ended.
var (
	// ErrHungUp means that the other end closed the line, on purpose or because its process ended.
	ErrHungUp = errors.New("the other end hung up")
	// ErrExpired means that the other end was silent for longer than the lease.
	ErrExpired = errors.New("the lease was not renewed")
	// ErrStuck means that a call did not return although its context was over: the process should end, and what the call held
	// with it.
	ErrStuck = errors.New("a call does not end")
)

const (
	helloPatience = 30 * time.Second // until the first sign of the caller: a busy machine may be slow to start a process
	endPatience   = 2 * time.Second  // until the calls that were cut off have ended
	queueLength   = 256              // calls that may wait in one queue
	extensions    = 3                // of a lease, one after the other, while the machine is overwhelmed
)

// Handler carries out the calls.
type Handler interface {
	// Queue names the queue of a call. Calls of one queue are handled in their order, those of different queues side by side.
	Queue(kind string, body json.RawMessage) string
	// Handle carries out one call; what it returns is sent as JSON. Its ctx is over when the caller gave up or the line ended.
	Handle(ctx context.Context, kind string, body json.RawMessage) (any, error)
}

// Overwhelmer is a Handler that can tell whether the machine is so busy that a caller who lives may not get to renew. The lease is then
// extended a few times: on a line within one machine, silence means nothing while everybody is silent. A caller that dies hangs up, which is
// noticed all the same.
type Overwhelmer interface {
	Overwhelmed() bool
}

// Serve handles calls from conn until ctx is over or the line ends, and returns why: ErrHungUp, ErrExpired or the cause of ctx's
// end, with ErrStuck if a call did not end in time. It closes conn. Until the caller says how long its lease is, it is lease.
func Serve(ctx context.Context, conn io.ReadWriteCloser, h Handler, lease time.Duration) error {
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	s := &server{
		handler: h, conn: conn, ctx: ctx, end: end, lease: lease, answers: make(chan answer),
		queues: map[string]chan call{}, cancels: map[uint64]context.CancelFunc{},
	}
	s.watchdog = time.AfterFunc(max(helloPatience, lease), s.expire)
	defer s.watchdog.Stop()
	var lines sync.WaitGroup
	lines.Go(s.read)
	lines.Go(s.write)
	<-ctx.Done()
	err := errors.Join(context.Cause(ctx), s.settle())
	_ = conn.Close() // ends the reader and the writer
	lines.Wait()
	return err
}

// server is one call of Serve.
type server struct {
	handler  Handler
	conn     io.ReadWriteCloser
	ctx      context.Context // of the line; a field because all of its goroutines live as long as it does
	end      context.CancelCauseFunc
	lease    time.Duration
	watchdog *time.Timer
	answers  chan answer
	queues   map[string]chan call // touched by the reader alone
	calls    sync.WaitGroup

	mu       sync.Mutex
	cancels  map[uint64]context.CancelFunc // of the calls that wait or run
	extended int                           // how often since the last request
}

// expire ends the line, or extends the lease.
func (s *server) expire() {
	if s.extend() {
		return
	}
	s.end(ErrExpired)
}

func (s *server) extend() bool {
	o, ok := s.handler.(Overwhelmer)
	s.mu.Lock()
	defer s.mu.Unlock()
	if !ok || s.extended == extensions || !o.Overwhelmed() {
		return false
	}
	s.extended++
	s.watchdog.Reset(s.lease)
	return true
}

func (s *server) setLease(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lease = d
}

// renewed begins the lease anew.
func (s *server) renewed() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.extended = 0
	s.watchdog.Reset(s.lease)
}

// read takes requests until the line ends. Each of them, whatever it is, renews the lease.
func (s *server) read() {
	in := bufio.NewReader(s.conn)
	for {
		line, err := in.ReadBytes('\n')
		if err != nil {
			s.end(ErrHungUp)
			return
		}
		var r request
		if err := json.Unmarshal(line, &r); err != nil {
			s.end(fmt.Errorf("not a request: %q: %w", line, err))
			return
		}
		if r.Kind == kindHello && r.Lease > 0 {
			s.setLease(r.Lease)
		}
		s.renewed()
		s.take(r)
	}
}

// take answers what the line itself answers and queues the rest.
func (s *server) take(r request) {
	switch r.Kind {
	case kindHello, kindRenew:
		s.answer(answer{N: r.N})
	case kindCancel:
		s.mu.Lock()
		defer s.mu.Unlock()
		if cancel := s.cancels[r.N]; cancel != nil {
			cancel()
		}
	default:
		s.enqueue(r)
	}
}

// call is a request that waits or is handled.
type call struct {
	request
	ctx context.Context
}

func (s *server) enqueue(r request) {
	name := s.handler.Queue(r.Kind, r.Body)
	q := s.queues[name]
	if q == nil {
		q = make(chan call, queueLength)
		s.queues[name] = q
		s.calls.Go(func() { s.work(q) })
	}
	ctx, cancel := context.WithCancel(s.ctx)
	s.mu.Lock()
	s.cancels[r.N] = cancel
	s.mu.Unlock()
	select {
	case q <- call{r, ctx}:
	default:
		s.forget(r.N)
		s.answer(failed(r.N, fmt.Errorf("%d calls wait already", queueLength)))
	}
}

// forget ends the context of a call.
func (s *server) forget(n uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if cancel := s.cancels[n]; cancel != nil {
		cancel()
	}
	delete(s.cancels, n)
}

// work handles the calls of one queue.
func (s *server) work(q <-chan call) {
	for {
		select {
		case <-s.ctx.Done():
			return
		case c := <-q:
			s.answer(s.handle(c))
			s.forget(c.N)
		}
	}
}

// handle carries out one call, unless its caller gave up while it waited.
func (s *server) handle(c call) answer {
	if err := c.ctx.Err(); err != nil {
		return failed(c.N, err)
	}
	out, err := s.handler.Handle(c.ctx, c.Kind, c.Body)
	if err != nil {
		return failed(c.N, err)
	}
	body, err := json.Marshal(out)
	if err != nil {
		return failed(c.N, err)
	}
	return answer{N: c.N, Body: body}
}

// answer hands an answer to the writer. What comes after the end of the line is dropped: nobody reads it.
func (s *server) answer(a answer) {
	select {
	case s.answers <- a:
	case <-s.ctx.Done():
	}
}

// write sends answers until the line ends.
func (s *server) write() {
	for {
		select {
		case <-s.ctx.Done():
			return
		case a := <-s.answers:
			text, err := json.Marshal(a)
			if err == nil {
				_, err = s.conn.Write(append(text, '\n'))
			}
			if err != nil {
				s.end(fmt.Errorf("%w: %w", ErrHungUp, err))
				return
			}
		}
	}
}

// settle waits for the calls that were cut off. One that does not end is left to the end of the process.
func (s *server) settle() error {
	ended := make(chan struct{})
	var waiter sync.WaitGroup
	waiter.Go(func() {
		s.calls.Wait()
		close(ended)
	})
	limit := time.NewTimer(endPatience)
	defer limit.Stop()
	select {
	case <-ended:
		return nil
	case <-limit.C:
		return ErrStuck
	}
}
