package agent

import (
	"context"
	"io"
	"time"

	"gauntlet/chaos"
	"gauntlet/chaos/lease"
)

// Client tells an agent what to do, and keeps it alive. It is safe for concurrent use.
type Client struct{ line *lease.Client }

// Applied says what an operation did, and between which two moments.
type Applied struct {
	Proof          string // in the worker's words
	Sent, Answered time.Time
}

// Dial connects to the agent at the other end of conn and renews its lease from then on. An agent whose client is gone, or silent
// for longer than term, clears everything and ends. On error conn is closed.
func Dial(ctx context.Context, conn io.ReadWriteCloser, term time.Duration) (*Client, error) {
	line, err := lease.Dial(ctx, conn, term)
	if err != nil {
		return nil, err
	}
	return &Client{line: line}, nil
}

// Context is over when the agent is gone or out of reach; context.Cause says why. Calls then fail with lease.ErrEnded.
func (c *Client) Context() context.Context { return c.line.Context() }

// Apply begins what op says under the name id; see Worker.
func (c *Client) Apply(ctx context.Context, id string, op chaos.Op) (Applied, error) {
	a := Applied{Sent: time.Now()}
	var d done
	err := c.line.Call(ctx, kindApply, order{ID: id, Op: op}, &d)
	a.Answered, a.Proof = time.Now(), d.Proof
	return a, err
}

// Check says whether id, applied as op by this same agent, still holds: nil if it does, chaos.ErrEndedEarly if it does not.
func (c *Client) Check(ctx context.Context, id string, op chaos.Op) error {
	return c.line.Call(ctx, kindCheck, order{ID: id, Op: op}, nil)
}

// Clear ends id, whichever agent applied it as op; nil means that it is proven gone.
func (c *Client) Clear(ctx context.Context, id string, op chaos.Op) error {
	return c.line.Call(ctx, kindClear, order{ID: id, Op: op}, nil)
}

// Verbs asks the agent what it can do. It is also the way to see that it lives.
func (c *Client) Verbs(ctx context.Context) ([]chaos.Verb, error) {
	var d done
	err := c.line.Call(ctx, kindPing, order{}, &d)
	return d.Verbs, err
}

// Close makes the agent clear everything and end, and waits until it has.
func (c *Client) Close() error { return c.line.Close() }
