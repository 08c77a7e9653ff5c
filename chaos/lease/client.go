package lease

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

// ErrEnded means that the line was over before an answer came: whether the call was carried out is unknown, and what the server
// held for this caller is being undone or gone.
var ErrEnded = errors.New("the line has ended")

// renewals is how many times the client renews within one lease.
const renewals = 5

// silence is after how many leases without any sign of the server it counts as lost.
const silence = 4

// Client is the caller's end of a line. It is safe for concurrent use.
type Client struct {
	conn   io.ReadWriteCloser
	lease  time.Duration
	ctx    context.Context // over when the line is; its cause says why
	end    context.CancelCauseFunc
	quiet  context.Context // over when nothing more is sent
	hush   context.CancelFunc
	lines  chan []byte
	loops  sync.WaitGroup
	heard  atomic.Int64 // when the server was last heard of, in nanoseconds since began
	began  time.Time
	mu     sync.Mutex
	last   uint64
	awaits map[uint64]chan answer
}

// Dial says hello and returns when the server has answered. From then on the lease is renewed until Close. On error conn is
// closed.
func Dial(ctx context.Context, conn io.ReadWriteCloser, lease time.Duration) (*Client, error) {
	if lease <= 0 {
		lease = Default
	}
	c := &Client{conn: conn, lease: lease, lines: make(chan []byte), awaits: map[uint64]chan answer{}, began: time.Now()}
	c.ctx, c.end = context.WithCancelCause(context.WithoutCancel(ctx))
	c.quiet, c.hush = context.WithCancel(c.ctx)
	context.AfterFunc(c.ctx, func() { _ = conn.Close() }) // ends the reader and the writer
	c.loops.Go(c.read)
	c.loops.Go(c.write)
	if _, err := c.call(ctx, request{Kind: kindHello, Lease: lease}); err != nil {
		c.end(err)
		c.loops.Wait()
		return nil, fmt.Errorf("no answer to the first call: %w", err)
	}
	c.loops.Go(c.renew)
	return c, nil
}

// Context is over when the line is; context.Cause says why.
func (c *Client) Context() context.Context { return c.ctx }

// Call makes a call and stores its answer in into, unless that is nil. The error is the server's, ctx's, or ErrEnded. When ctx
// is over, the server is told.
func (c *Client) Call(ctx context.Context, kind string, body, into any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	got, err := c.call(ctx, request{Kind: kind, Body: text})
	if err != nil || into == nil {
		return err
	}
	return json.Unmarshal(got, into)
}

func (c *Client) call(ctx context.Context, r request) (json.RawMessage, error) {
	var mine chan answer
	r.N, mine = c.await()
	defer c.forget(r.N)
	if err := c.send(ctx, r); err != nil {
		return nil, err
	}
	select {
	case a := <-mine:
		return a.Body, a.err()
	case <-ctx.Done():
		c.try(request{N: r.N, Kind: kindCancel})
		return nil, context.Cause(ctx)
	case <-c.ctx.Done():
	}
	select {
	case a := <-mine: // it came before the end
		return a.Body, a.err()
	default:
		return nil, c.ended()
	}
}

func (c *Client) ended() error { return fmt.Errorf("%w: %w", ErrEnded, context.Cause(c.ctx)) }

// await makes room for the answer to the next call.
func (c *Client) await() (uint64, chan answer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last++
	ch := make(chan answer, 1)
	c.awaits[c.last] = ch
	return c.last, ch
}

func (c *Client) forget(n uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.awaits, n)
}

// send hands a line to the writer.
func (c *Client) send(ctx context.Context, r request) error {
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	select {
	case c.lines <- append(text, '\n'):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-c.quiet.Done():
		if c.ctx.Err() == nil {
			return fmt.Errorf("%w: it is being closed", ErrEnded)
		}
		return c.ended()
	}
}

// try sends a line if that takes no longer than the time between two renewals.
func (c *Client) try(r request) {
	ctx, cancel := context.WithTimeout(c.ctx, c.lease/renewals)
	defer cancel()
	_ = c.send(ctx, r) // the line may be over, or the server slow: then it learns by the lease
}

// renew keeps the lease until nothing more is sent, and gives up on a server that is silent.
func (c *Client) renew() {
	tick := time.NewTicker(c.lease / renewals)
	defer tick.Stop()
	for {
		select {
		case <-c.quiet.Done():
			return
		case <-tick.C:
			c.try(request{Kind: kindRenew})
		}
		if mute := time.Since(c.began) - time.Duration(c.heard.Load()); mute > silence*c.lease {
			c.end(fmt.Errorf("no sign of the other end for %s", mute.Round(time.Millisecond)))
		}
	}
}

// write sends lines; at the end it says that no more will come, if conn can say so.
func (c *Client) write() {
	for {
		select {
		case <-c.quiet.Done():
			if half, ok := c.conn.(interface{ CloseWrite() error }); ok && c.ctx.Err() == nil {
				_ = half.CloseWrite() // the reader sees the end in any case
			} else {
				_ = c.conn.Close()
			}
			return
		case line := <-c.lines:
			if _, err := c.conn.Write(line); err != nil {
				c.end(err)
				return
			}
		}
	}
}

// read hands out answers until the line ends.
func (c *Client) read() {
	in := bufio.NewReader(c.conn)
	for {
		line, err := in.ReadBytes('\n')
		if err != nil {
			c.end(err)
			return
		}
		var a answer
		if err := json.Unmarshal(line, &a); err != nil {
			c.end(fmt.Errorf("not an answer: %q: %w", line, err))
			return
		}
		c.heard.Store(int64(time.Since(c.began)))
		c.mu.Lock()
		if mine := c.awaits[a.N]; mine != nil {
			mine <- a
			delete(c.awaits, a.N)
		}
		c.mu.Unlock()
	}
}

// Close hangs up and waits until the server has undone what it held and has ended, for some leases at most.
func (c *Client) Close() error {
	c.hush()
	limit := time.NewTimer(silence * c.lease)
	defer limit.Stop()
	var err error
	select {
	case <-c.ctx.Done():
	case <-limit.C:
		err = fmt.Errorf("hung up, but the other end has not ended within %s", silence*c.lease)
	}
	c.end(ErrHungUp)
	c.loops.Wait()
	return err
}
