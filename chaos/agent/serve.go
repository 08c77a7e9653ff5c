package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
	"time"

	"gauntlet/chaos"
	"gauntlet/chaos/lease"
)

// The kinds of calls.
const (
	kindApply = "apply"
	kindCheck = "check"
	kindClear = "clear"
	kindPing  = "ping"
)

// order is the body of a call.
type order struct {
	ID string   `json:"id,omitempty"`
	Op chaos.Op `json:"op"`
}

// done is the answer to a call.
type done struct {
	Proof string       `json:"proof,omitempty"` // of apply
	Verbs []chaos.Verb `json:"verbs,omitempty"` // of ping: what this agent can do, sorted
}

// closePatience bounds how long the workers may take to clear everything at the end of the process.
const closePatience = 5 * time.Second

// Serve is an agent: it carries out the calls of a Client on conn until the client hangs up, does not renew its lease, or ctx
// is over; then it clears everything, and returns nil only if that was proven and the client hung up by itself. Each worker has
// one verb and is called by one goroutine at a time. A panic of a worker ends the process, and what the kernel holds for it.
func Serve(ctx context.Context, conn io.ReadWriteCloser, workers map[chaos.Verb]Worker, term time.Duration) error {
	s := &server{workers: workers, applied: map[string]bool{}}
	err := lease.Serve(ctx, conn, s, term)
	if errors.Is(err, lease.ErrHungUp) && !errors.Is(err, lease.ErrStuck) {
		err = nil
	}
	return errors.Join(err, s.close())
}

// server is a lease.Handler.
type server struct {
	workers map[chaos.Verb]Worker
	mu      sync.Mutex
	applied map[string]bool // by id: what this process was told to hold
}

// Queue is one for each worker.
func (s *server) Queue(kind string, body json.RawMessage) string {
	var o order
	if kind == kindPing || json.Unmarshal(body, &o) != nil {
		return ""
	}
	return string(o.Op.Verb)
}

// Handle passes a call to its worker.
func (s *server) Handle(ctx context.Context, kind string, body json.RawMessage) (any, error) {
	if kind == kindPing {
		return done{Verbs: slices.Sorted(maps.Keys(s.workers))}, nil
	}
	var o order
	if err := json.Unmarshal(body, &o); err != nil {
		return nil, fmt.Errorf("%s: %w", kind, err)
	}
	w := s.workers[o.Op.Verb]
	if w == nil {
		return nil, fmt.Errorf("%w: this agent has no worker for %q", chaos.ErrUnsupported, o.Op.Verb)
	}
	switch kind {
	case kindApply:
		return s.apply(ctx, w, o)
	case kindCheck:
		return done{}, s.check(ctx, w, o)
	case kindClear:
		return done{}, s.clear(ctx, w, o)
	}
	return nil, fmt.Errorf("%w: agents do not know the call %q", chaos.ErrUnsupported, kind)
}

func (s *server) apply(ctx context.Context, w Worker, o order) (done, error) {
	proof, err := w.Apply(ctx, o.ID, o.Op)
	s.note(o.ID, err == nil)
	return done{Proof: proof}, err
}

func (s *server) note(id string, holds bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if holds {
		s.applied[id] = true
	} else {
		delete(s.applied, id)
	}
}

// check answers for what this process applied; another process's work ended with it.
func (s *server) check(ctx context.Context, w Worker, o order) error {
	s.mu.Lock()
	mine := s.applied[o.ID]
	s.mu.Unlock()
	if !mine {
		return fmt.Errorf("%w: this agent was started after it", chaos.ErrEndedEarly)
	}
	err := w.Check(ctx, o.ID)
	if err != nil && ctx.Err() == nil && !errors.Is(err, chaos.ErrEndedEarly) {
		err = fmt.Errorf("%w: %w", chaos.ErrEndedEarly, err)
	}
	return err
}

func (s *server) clear(ctx context.Context, w Worker, o order) error {
	err := w.Clear(ctx, o.ID, o.Op)
	if err == nil {
		s.note(o.ID, false)
	}
	return err
}

// close clears everything, all workers side by side. One that takes too long is left to the end of the process.
func (s *server) close() error {
	errs := make(chan error, len(s.workers))
	var closing sync.WaitGroup
	for verb, w := range s.workers {
		closing.Go(func() {
			err := w.Close()
			if err != nil {
				err = fmt.Errorf("%w: %s: %w", chaos.ErrStillDisturbed, verb, err)
			}
			errs <- err
		})
	}
	limit := time.NewTimer(closePatience)
	defer limit.Stop()
	var all error
	for range s.workers {
		select {
		case err := <-errs:
			all = errors.Join(all, err)
		case <-limit.C:
			return errors.Join(all, fmt.Errorf("%w: clearing took longer than %s", chaos.ErrStillDisturbed, closePatience))
		}
	}
	closing.Wait()
	return all
}
