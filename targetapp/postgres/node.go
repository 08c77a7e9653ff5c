package postgres

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	connectLimit = 2 * time.Second
	sqlLimit     = 300 * time.Millisecond // one attempt: taking a connection and running the statements
	lateLimit    = 2 * time.Second        // for the answer to a statement for which nobody waits any more; then its connection is closed
	poolSize     = 4                      // per web node and database, opened before anybody asks: a pool that grows when its database is slow makes it slower
	poolCheck    = 5 * time.Second        // how often missing ones are opened
)

// node is one database with its pool.
type node struct {
	Member
	pool *pgxpool.Pool
	kick chan struct{} // asks the monitor for a check now

	late sync.WaitGroup // statements that run

	mu    sync.Mutex
	reads map[*context.CancelFunc]struct{} // in flight; they end when the node leaves the rotation
}

func newNode(m Member, app string) (*node, error) {
	cfg, err := poolConfig(m, app)
	if err != nil {
		return nil, err
	}
	// The pool outlives any one request; it is ended by close.
	pool, err := pgxpool.NewWithConfig(context.Background(), cfg)
	if err != nil {
		return nil, fmt.Errorf("database %s at %s: %w", m.Name, m.Addr, err)
	}
	return &node{Member: m, pool: pool, kick: make(chan struct{}, 1), reads: map[*context.CancelFunc]struct{}{}}, nil
}

func poolConfig(m Member, app string) (*pgxpool.Config, error) {
	cfg, err := pgxpool.ParseConfig("postgres://app:app@" + m.Addr + "/app?sslmode=disable")
	if err != nil {
		return nil, fmt.Errorf("database %s at %s: %w", m.Name, m.Addr, err)
	}
	cfg.MaxConns, cfg.MinConns, cfg.HealthCheckPeriod = poolSize, poolSize, poolCheck
	cfg.ConnConfig.ConnectTimeout = connectLimit
	cfg.ConnConfig.DialFunc = dialer(connectLimit)
	cfg.AfterConnect = func(_ context.Context, c *pgx.Conn) error { ready(c.PgConn().Conn()); return nil }
	cfg.ConnConfig.BuildContextWatcherHandler = patient
	cfg.ConnConfig.RuntimeParams["application_name"] = app
	cfg.ConnConfig.OnNotice = noteWarning
	cfg.ConnConfig.Tracer = tracer{m.Name}
	// The monitor resets the pool of a node that fails; a ping before use would only cost a round trip.
	cfg.ShouldPing = func(context.Context, pgxpool.ShouldPingParams) bool { return false }
	return cfg, nil
}

const warned = "warned"

// noteWarning remembers a warning on its connection. Our statements cause none but "canceling wait for synchronous
// replication", whose text may be translated and whose code depends on the reason; so any warning counts.
func noteWarning(c *pgconn.PgConn, n *pgconn.Notice) {
	if n.SeverityUnlocalized == "WARNING" {
		c.CustomData()[warned] = n.Message
	}
}

// patient lets a statement end for which nobody waits any more, so that its connection lives on. Closing it would cost the server a
// new process each time; a machine that is so slow that statements come to their deadline has no time for that.
func patient(c *pgconn.PgConn) ctxwatch.Handler {
	return &pgconn.DeadlineContextWatcherHandler{Conn: c.Conn(), DeadlineDelay: lateLimit}
}

// result is what one attempt came to.
type result[T any] struct {
	v   T
	err error
}

// do runs f on a connection of n, and waits for at most sqlLimit. With leave set it also ends when the node leaves the rotation. What
// f does after that nobody learns.
func do[T any](ctx context.Context, n *node, leave bool, f func(context.Context, *pgxpool.Conn) (T, error)) (T, error) {
	var zero T
	ctx, cancel := context.WithTimeout(ctx, sqlLimit)
	quit := func() {}
	if leave {
		quit = n.join(&cancel)
	}
	defer quit()
	c, err := n.pool.Acquire(ctx)
	if err != nil {
		cancel()
		return zero, fmt.Errorf("%s: %w", n.Name, acquireError(err))
	}
	done := make(chan result[T], 1)
	n.late.Go(func() {
		defer cancel()
		defer c.Release()
		v, err := attempt(ctx, c, f)
		done <- result[T]{v, err}
	})
	var r result[T]
	select {
	case r = <-done:
	case <-ctx.Done():
		select {
		case r = <-done:
		default:
			r.err = ctx.Err()
		}
	}
	if r.err != nil {
		return zero, fmt.Errorf("%s: %w", n.Name, r.err)
	}
	return r.v, nil
}

// attempt runs f; a warning makes an error of success.
func attempt[T any](ctx context.Context, c *pgxpool.Conn, f func(context.Context, *pgxpool.Conn) (T, error)) (T, error) {
	data := c.Conn().PgConn().CustomData()
	delete(data, warned)
	v, err := f(ctx, c)
	if w, ok := data[warned]; ok && err == nil {
		err = fmt.Errorf("%w: %v", ErrNotReplicated, w)
	}
	return v, err
}

// acquireError marks an error as "no connection was had", which certainly had no effect.
func acquireError(err error) error {
	var connect *pgconn.ConnectError
	if errors.As(err, &connect) {
		return err
	}
	return fmt.Errorf("%w: %w", errAcquire, err)
}

// join lets cancel be called when the node leaves the rotation; the returned function takes that back.
func (n *node) join(cancel *context.CancelFunc) func() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.reads[cancel] = struct{}{}
	return func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		delete(n.reads, cancel)
	}
}

// letGo ends what is in flight and may be repeated elsewhere. Writes in flight keep their own deadline, since ending them early
// would only turn a late answer into an unknown one.
func (n *node) letGo() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for cancel := range n.reads {
		(*cancel)()
	}
}

// leave lets go and drops the connections: they are dead, or speak to a primary that is none any more.
func (n *node) leave() {
	n.letGo()
	n.pool.Reset()
}

// close waits for statements that run, for lateLimit at most, and ends all connections.
func (n *node) close() {
	n.late.Wait()
	n.pool.Close()
}

// ask lets the monitor check now instead of at its next tick.
func (n *node) ask() {
	select {
	case n.kick <- struct{}{}:
	default: // a check is already asked for
	}
}
