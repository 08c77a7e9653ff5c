package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// writeLimit bounds a write with all its attempts and waits for a primary. It is below the load balancer's patience.
const writeLimit = 800 * time.Millisecond

// writeAttempts bounds what one write can ask of nodes that fail fast.
const writeAttempts = 5

// Where says who served a request: the node's name, and for a write a position that the session has now seen.
type Where struct {
	Node string
	Seen LSN
}

type work func(context.Context, *pgxpool.Conn) error

// read runs f on a node that has replayed seen, and once more on another node if the first one fails.
func (r *Router) read(ctx context.Context, seen LSN, f work) (Where, error) {
	turn := r.turn.Add(1)
	var first string
	var failed error
	for range 2 {
		rt, views, _ := r.now()
		n := r.node(rt.reader(views, seen, turn, first))
		if n == nil {
			return Where{Node: first}, errors.Join(failed, fmt.Errorf("read: %w: %w", ErrNoNode, ErrNoEffect))
		}
		err := n.do(ctx, true, f)
		if err == nil || errors.Is(err, ErrNotFound) {
			return Where{Node: n.Name}, err
		}
		if gone(ctx) {
			return Where{Node: n.Name}, fmt.Errorf("read: %w: %w", err, ErrNoEffect)
		}
		r.judge(n, err)
		first, failed = n.Name, errors.Join(failed, fmt.Errorf("read: %w: %w", err, ErrNoEffect))
	}
	return Where{Node: first}, failed
}

// write runs f on the primary. It waits for a primary while none is known, and repeats f only if the last attempt
// certainly had no effect, or, with again set, because f recognises its own repetition; all within writeLimit.
func (r *Router) write(ctx context.Context, again bool, f work) (Where, error) {
	ctx, cancel := context.WithTimeout(ctx, writeLimit)
	defer cancel()
	err := fmt.Errorf("write: %w: %w", ErrNoNode, ErrNoEffect)
	var node string
	clean := true // no attempt so far may have had an effect
	for range writeAttempts {
		n, found := r.primary(ctx)
		if !found {
			break
		}
		node = n.Name
		e := n.do(ctx, false, f)
		if e == nil {
			return Where{Node: node}, nil
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
	return Where{Node: node}, err
}

// primary waits until a primary is known. found is false if ctx ended first.
func (r *Router) primary(ctx context.Context) (n *node, found bool) {
	for ctx.Err() == nil {
		rt, _, changed := r.now()
		if n := r.node(rt.Primary); n != nil {
			return n, true
		}
		select {
		case <-ctx.Done():
		case <-changed:
		}
	}
	return nil, false
}

// judge takes the node out of the rotation if err speaks against it.
func (r *Router) judge(n *node, err error) {
	switch m := explain(err); {
	case m.suspect:
		r.suspect(n, err)
	case m.late:
		n.ask()
	}
}
