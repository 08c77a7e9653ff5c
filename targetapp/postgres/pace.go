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

// dialer opens connections one after the other: each begins as paced, when the one before it is ready for statements or has failed.
// So a server that is slow to start its processes has one to start at a time.
func dialer(limit time.Duration) func(ctx context.Context, network, addr string) (net.Conn, error) {
	var p pace
	turn := make(chan struct{}, 1)
	d := net.Dialer{KeepAlive: 5 * time.Minute} // as pgconn's own
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		select {
		case turn <- struct{}{}:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		release := sync.OnceFunc(func() { <-turn })
		if err := p.wait(ctx, limit); err != nil {
			release()
			return nil, err
		}
		c, err := d.DialContext(ctx, network, addr)
		if err != nil {
			release()
			return nil, err
		}
		return &opening{c, release}, nil
	}
}

// opening is a connection that has the turn until it is ready, or closed.
type opening struct {
	net.Conn
	release func()
}

// Close gives the turn back.
func (o *opening) Close() error {
	o.release()
	return o.Conn.Close()
}

// ready lets the next connection begin.
func ready(c net.Conn) {
	if o, ok := c.(*opening); ok {
		o.release()
	}
}
