package loadgen

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

// Bounds of one dial. A lost SYN costs a second, so a longer wait only hides that nobody is there.
const (
	shortDial = 300 * time.Millisecond
	longDial  = time.Second
)

// dialTimeout is half of a request's timeout, between 300 ms and 1 s, and never longer than the timeout itself.
func dialTimeout(timeout time.Duration) time.Duration {
	return min(timeout, max(shortDial, min(timeout/2, longDial)))
}

// dialFunc opens a connection, as http.Transport's DialContext does.
type dialFunc func(ctx context.Context, network, addr string) (net.Conn, error)

// errStopped is why no connection is opened after the end of a run.
var errStopped = errors.New("the run has ended")

// until refuses to open further connections once ctx has ended. A request that waits for a connection then gets none, also
// if it has not yet noticed the end by itself.
func (d dialFunc) until(ctx context.Context) dialFunc {
	return func(dialCtx context.Context, network, addr string) (net.Conn, error) {
		if ctx.Err() != nil {
			return nil, errStopped
		}
		return d(dialCtx, network, addr)
	}
}

// newTransport makes the connection pool of one operation class. It takes nothing from the environment, follows HTTP/1.1
// keep-alive and never unpacks a body. Dials end with ctx.
func newTransport(ctx context.Context, dial dialFunc, connections int, timeout time.Duration) *http.Transport {
	return &http.Transport{
		DialContext: func(dialCtx context.Context, network, addr string) (net.Conn, error) {
			dialCtx, cancel := context.WithCancel(dialCtx)
			defer cancel()
			defer context.AfterFunc(ctx, cancel)()
			c, err := dial(dialCtx, network, addr)
			if err != nil {
				return nil, err
			}
			return &countedConn{Conn: c}, nil
		},
		TLSHandshakeTimeout: dialTimeout(timeout),
		TLSNextProto:        map[string]func(string, *tls.Conn) http.RoundTripper{}, // HTTP/1.1 only
		MaxConnsPerHost:     connections,
		MaxIdleConnsPerHost: connections,
		IdleConnTimeout:     time.Minute,
		DisableCompression:  true,
	}
}

// countedConn knows whether a byte of a request has left, which decides between fail (no effect) and info (unknown).
type countedConn struct {
	net.Conn
	writes atomic.Int64 // writes that sent something, or may be doing so right now
	sealed atomic.Bool  // nothing more is sent
}

// Write counts before it sends, so that sent never says no while bytes are leaving.
func (c *countedConn) Write(b []byte) (int, error) {
	c.writes.Add(1)
	if c.sealed.Load() {
		c.writes.Add(-1)
		return 0, net.ErrClosed
	}
	n, err := c.Conn.Write(b)
	if n == 0 && err != nil {
		c.writes.Add(-1)
	}
	return n, err
}

// seal forbids further writes on a connection that is given up and says whether anything was sent since mark.
func (c *countedConn) seal(mark int64) bool {
	c.sealed.Store(true)
	return c.writes.Load() > mark
}

// counted finds the counted connection below an optional TLS layer.
func counted(c net.Conn) *countedConn {
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	cc, _ := c.(*countedConn)
	return cc
}
