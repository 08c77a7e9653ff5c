package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// A request with all its attempts and waits for a node stays below the load balancer's patience of 1 s.
const (
	readLimit     = 600 * time.Millisecond
	readAttempts  = 2
	writeLimit    = 800 * time.Millisecond
	writeAttempts = 5 // a bound for nodes that fail fast
)

// Where says who served a request: the node's name; and a position up to which all writes are in what the session has now seen.
// For a read it is what the node was known to show before it was asked, which may be less than it did show.
type Where struct {
	Node string
	Seen LSN
	Saw  LSN // of a read: no more than what is written up to here was shown; 0: not told
}

type work[T any] func(context.Context, *pgxpool.Conn) (T, error)

// read runs f on a node that has replayed seen, and once more on another node if the first one fails. It waits for
// such a node while there is none; all within readLimit.
func read[T any](ctx context.Context, r *Router, seen LSN, f work[T]) (v T, at Where, err error) {
	ctx, cancel := context.WithTimeout(ctx, readLimit)
	defer cancel()
	turn := r.turn.Add(1)
	err = ErrNoNode
	var node string
	for range readAttempts {
		n := r.await(ctx, func(rt Route, views []View) string { return rt.reader(views, seen, turn, node) })
		if n == nil {
			break
		}
		node = n.Name
		shows := max(r.shows(n), seen)
		if v, err = do(ctx, n, true, f); err == nil || errors.Is(err, ErrNotFound) {
			return v, Where{Node: node, Seen: shows}, err
		}
		if gone(ctx) {
			break
		}
		r.judge(n, err)
	}
	return v, Where{Node: node}, fmt.Errorf("read: %w: %w", err, ErrNoEffect)
}

// write runs f on the primary. It waits for a primary while none is known, and repeats f only if the last attempt
// certainly had no effect, or, with again set, because f recognises its own repetition; all within writeLimit.
func write[T any](ctx context.Context, r *Router, again bool, f work[T]) (v T, at Where, err error) {
	ctx, cancel := context.WithTimeout(ctx, writeLimit)
	defer cancel()
	err = fmt.Errorf("write: %w: %w", ErrNoNode, ErrNoEffect)
	var node string
	clean := true // no attempt so far may have had an effect
	for range writeAttempts {
		n := r.await(ctx, primary)
		if n == nil {
			break
		}
		node = n.Name
		got, e := do(ctx, n, false, f)
		if e == nil {
			return got, Where{Node: node}, nil
		}
		m := explain(e)
		clean = clean && m.noEffect
		if err = fmt.Errorf("write: %w", e); clean {
			err = fmt.Errorf("%w: %w", err, ErrNoEffect)
		}
		if gone(ctx) {
			break
		}
		r.judge(n, e)
		if !(m.suspect || m.late) || !(clean || again) {
			break
		}
	}
	return v, Where{Node: node}, err
}

// await waits until pick names a node; nil if ctx ended first.
func (r *Router) await(ctx context.Context, pick func(Route, []View) string) *node {
	for ctx.Err() == nil {
		rt, views, changed := r.now()
		if n := r.node(pick(rt, views)); n != nil {
			return n
		}
		select {
		case <-ctx.Done():
		case <-changed:
		}
	}
	return nil
}

// shows is the position up to which the node has all writes, as of its last check.
func (r *Router) shows(n *node) LSN {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.views[slices.Index(r.nodes, n)].LSN
}

func primary(rt Route, _ []View) string { return rt.Primary }

// judge takes the node out of the rotation if err speaks against it.
func (r *Router) judge(n *node, err error) {
	switch m := explain(err); {
	case m.suspect:
		r.suspect(n, err)
	case m.late:
		n.ask()
	}
}
