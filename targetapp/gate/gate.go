package gate

import (
	"context"
	"sync"
	"time"
)

const (
	every        = 400 * time.Millisecond // how often the gate is renewed
	readerFor    = 3 * time.Second        // how long it stays open for readers of a replica after it was last seen to be one
	promotingFor = time.Minute            // how long a server counts as primary after Patroni asked to promote it
	margin       = 100 * time.Millisecond // taken off the lease, for telling the kernel
)

// Kernel opens and closes the way to the server. Open replaces what was there.
type Kernel interface {
	Open(ctx context.Context, d time.Duration) error
	Close(ctx context.Context) error
}

// Lease says how long the region may still write, counted from before it was asked; <= 0: it may not.
type Lease func(ctx context.Context) (time.Duration, error)

// Recovering says whether the server is a replica; an error: it does not say.
type Recovering func(ctx context.Context) (bool, error)

// gate decides for how long the way is open.
type gate struct {
	kernel     Kernel
	lease      Lease
	recovering Recovering
	now        func() time.Time

	turn      sync.Mutex // one decision at a time
	promoting time.Time  // until when the server counts as primary whatever it says
}

// renew decides once. It says what the server is taken for, and for how long the way is open; 0: no longer than before.
func (g *gate) renew(ctx context.Context) (primary bool, open time.Duration, err error) {
	g.turn.Lock()
	defer g.turn.Unlock()
	asked := g.now()
	replica, err := g.recovering(ctx)
	if err != nil {
		return false, 0, err // what is open ends by itself
	}
	if replica && asked.After(g.promoting) {
		end := asked.Add(readerFor)
		open, err = g.openUntil(ctx, end)
		return false, open, err
	}
	open, err = g.leased(ctx)
	return true, open, err
}

// leased opens for as long as the lease lasts.
func (g *gate) leased(ctx context.Context) (time.Duration, error) {
	asked := g.now()
	left, err := g.lease(ctx)
	if err != nil {
		return 0, err
	}
	return g.openUntil(ctx, asked.Add(max(left, 0)-margin))
}

// openUntil opens until end, and closes if that has passed when the kernel has been told.
func (g *gate) openUntil(ctx context.Context, end time.Time) (time.Duration, error) {
	left := end.Sub(g.now())
	if left <= 0 {
		return 0, g.kernel.Close(ctx)
	}
	if err := g.kernel.Open(ctx, left); err != nil {
		return 0, err
	}
	if g.now().After(end) {
		return 0, g.kernel.Close(ctx)
	}
	return left, nil
}

// promote says whether the server may become primary now, and treats it as one from now on. The way that was open to readers is
// closed first.
func (g *gate) promote(ctx context.Context) (bool, error) {
	g.turn.Lock()
	defer g.turn.Unlock()
	g.promoting = g.now().Add(promotingFor)
	if err := g.kernel.Close(ctx); err != nil {
		return false, err
	}
	open, err := g.leased(ctx)
	if err != nil || open <= 0 {
		g.promoting = time.Time{} // it stays a replica
		return false, err
	}
	return true, nil
}
