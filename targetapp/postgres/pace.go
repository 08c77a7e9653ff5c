package postgres

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"
)

// dialEvery is how far apart two new connections to a node begin. A pool that opens all of its connections at once, because all
// requests come to their deadline at once, makes the server fork as many processes; on a small machine that takes so long that
// the next ones come to their deadline too, and the system never recovers although nothing is wrong with it any more.
const dialEvery = 40 * time.Millisecond

// errPaced means that so many connections are being opened that another one could not be had in time.
var errPaced = errors.New("enough connections are being opened already")

// pace spreads what would come at once.
type pace struct {
	mu   sync.Mutex
	next time.Time
}

// wait returns when it is this caller's turn, or at once with errPaced if that would be later than limit.
func (p *pace) wait(ctx context.Context, limit time.Duration) error {
	p.mu.Lock()
	now := time.Now()
	at := now
	if p.next.After(now) {
		at = p.next
	}
	if at.Sub(now) > limit {
		p.mu.Unlock()
		return errPaced
	}
	p.next = at.Add(dialEvery)
	p.mu.Unlock()
	t := time.NewTimer(at.Sub(now))
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// dialer opens connections one after the other, as paced.
func dialer(limit time.Duration) func(ctx context.Context, network, addr string) (net.Conn, error) {
	var p pace
	d := net.Dialer{KeepAlive: 5 * time.Minute} // as pgconn's own
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		if err := p.wait(ctx, limit); err != nil {
			return nil, err
		}
		return d.DialContext(ctx, network, addr)
	}
}
