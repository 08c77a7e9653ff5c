package state

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"gauntlet/chaos"
)

// exhaust holds connections: as many as the server gives, or s.Count. It keeps them alive, and takes again what it loses and what
// others let go. Connections that others have open before are theirs; who connects anew is refused.
//
// Note: a superuser takes the slots that PostgreSQL keeps for superusers as well. That is meant if the app is one; otherwise
// connect as the app does, so that operators still get in.
type exhaust struct {
	id   string
	s    chaos.StateChange
	pool pool

	mu      sync.Mutex // of the next three
	held    []holding
	refusal string // of the server, when the last attempt was refused; "" if s.Count was reached instead
	next    int    // which of held is pinged next

	stop context.CancelFunc // nil: nobody refills
	wg   sync.WaitGroup
}

// pool opens connections of one kind of server.
type pool interface {
	// open makes one connection that stays open. An error that is refused is the server's own answer that it has no more.
	open(ctx context.Context) (holding, error)
	// close lets go of what the connections share; they were closed before.
	close()
	// release is called when all connections are closed. It ends those that other processes hold for the same id, as far as the
	// server can tell them, and proves that a new one can be made.
	release(ctx context.Context) error
}

// holding is one open connection.
type holding interface {
	ping(ctx context.Context) error
	close(ctx context.Context)
}

// refused is the server's answer to a connection too many.
type refused struct{ error }

func (r refused) Unwrap() error { return r.error }

const (
	maxDialers  = 8
	refillEvery = 100 * time.Millisecond
	pingRounds  = 50 // each connection is pinged once in so many refills
)

func newExhaust(id string, s chaos.StateChange) *exhaust {
	e := &exhaust{id: id, s: s}
	switch name := holderName(exhaustKind, id); s.Server {
	case postgres:
		e.pool = &pgPool{s: s, name: name}
	case redisKV:
		e.pool = &redisPool{s: s}
	default:
		e.pool = &amqpPool{s: s, name: name}
	}
	return e
}

func (e *exhaust) apply(ctx context.Context) (string, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	err := patient(ctx, e.fill)
	if err == nil && len(e.held) == 0 {
		err = fmt.Errorf("%w: the server refuses the first one: %s", chaos.ErrWrongState, e.refusal)
	}
	if err != nil {
		e.drop()
		return "", fmt.Errorf("%s: take connections: %w", e.s.Server, err)
	}
	keep, stop := context.WithCancel(context.WithoutCancel(ctx))
	e.stop = stop
	e.wg.Go(func() { e.keep(keep) })
	if e.refusal == "" {
		return fmt.Sprintf("%s: %d connections held, as many as were asked for", e.s.Server, len(e.held)), nil
	}
	return fmt.Sprintf("%s: %d connections held, then the server refused: %s", e.s.Server, len(e.held), e.refusal), nil
}

// keep pings and refills until ctx ends.
func (e *exhaust) keep(ctx context.Context) {
	tick := time.NewTicker(refillEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			e.mu.Lock()
			e.pingSome(ctx)
			_ = e.fill(ctx) // a server that is away is tried again at the next tick; check tells
			e.mu.Unlock()
		}
	}
}

// fill opens connections, more at a time as long as it goes well, until the server refuses or there are enough.
func (e *exhaust) fill(ctx context.Context) error {
	for n := 1; ; n = min(2*n, maxDialers) {
		want := maxConns - len(e.held)
		if e.s.Count > 0 {
			want = e.s.Count - len(e.held)
		}
		if want <= 0 {
			return e.full()
		}
		conns, err := e.openSome(ctx, min(n, want))
		e.held = append(e.held, conns...)
		var r refused
		if errors.As(err, &r) {
			e.refusal = r.Error()
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// full is the end of a fill that the server did not refuse.
func (e *exhaust) full() error {
	e.refusal = ""
	if e.s.Count == 0 {
		return fmt.Errorf("the server still takes more after %d connections; name a count", maxConns)
	}
	return nil
}

// openSome opens n connections at the same time and returns those that were made, and a refusal rather than another error.
func (e *exhaust) openSome(ctx context.Context, n int) ([]holding, error) {
	conns, errs := make([]holding, n), make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { conns[i], errs[i] = e.pool.open(ctx) })
	}
	wg.Wait()
	var made []holding
	for i, c := range conns {
		if errs[i] == nil {
			made = append(made, c)
		}
	}
	for _, err := range errs {
		var r refused
		if errors.As(err, &r) {
			return made, err
		}
	}
	return made, errors.Join(errs...)
}

// pingSome pings the next few connections and lets go of those that don't answer.
func (e *exhaust) pingSome(ctx context.Context) {
	for range (len(e.held) + pingRounds - 1) / pingRounds {
		e.next %= len(e.held)
		if err := e.held[e.next].ping(ctx); err != nil && ctx.Err() == nil {
			e.held[e.next].close(ctx)
			e.held = append(e.held[:e.next], e.held[e.next+1:]...)
		} else {
			e.next++
		}
		if len(e.held) == 0 {
			return
		}
	}
}

// check fills up once more: that the server refuses is the proof that it is exhausted.
func (e *exhaust) check(ctx context.Context) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.stop == nil {
		return fmt.Errorf("%s: no connections are held", e.s.Server)
	}
	e.pingSome(ctx)
	if err := patient(ctx, e.fill); err != nil {
		return fmt.Errorf("%s: %d connections held: %w", e.s.Server, len(e.held), err)
	}
	if len(e.held) == 0 {
		return fmt.Errorf("%s: all connections were lost, and the server refuses new ones: %s", e.s.Server, e.refusal)
	}
	return nil
}

func (e *exhaust) clear(ctx context.Context) error {
	if e.stop != nil {
		e.stop()
		e.wg.Wait()
		e.stop = nil
	}
	e.drop()
	if err := e.pool.release(ctx); err != nil {
		return fmt.Errorf("%s: a new connection can't be made: %w", e.s.Server, err)
	}
	return nil
}

// drop closes all connections, within a second also if the server hangs.
func (e *exhaust) drop() {
	ctx, cancel := context.WithTimeout(context.Background(), askLimit)
	defer cancel()
	var g errgroup.Group
	g.SetLimit(maxDialers)
	for _, c := range e.held {
		g.Go(func() error {
			c.close(ctx)
			return nil
		})
	}
	_ = g.Wait()
	e.pool.close()
	e.held, e.next = nil, 0
}
