package postgres

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	connectLimit = 200 * time.Millisecond
	sqlLimit     = 300 * time.Millisecond // one attempt: taking a connection and running the statements
	poolSize     = 12                     // per web node and database; 3 web nodes stay far below max_connections 100
	poolIdle     = 30 * time.Second
)

// node is one database with its pool.
type node struct {
	Member
	pool *pgxpool.Pool
	kick chan struct{} // asks the monitor for a check now

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
	cfg.MaxConns, cfg.MinConns, cfg.MaxConnIdleTime = poolSize, 0, poolIdle
	cfg.ConnConfig.ConnectTimeout = connectLimit
	cfg.ConnConfig.DialFunc = dialer(connectLimit / 2)
	cfg.ConnConfig.RuntimeParams["application_name"] = app
	cfg.ConnConfig.OnNotice = noteWarning
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

// do runs f on a connection, within sqlLimit. With leave set it also ends when the node leaves the rotation.
func (n *node) do(ctx context.Context, leave bool, f func(context.Context, *pgxpool.Conn) error) error {
	ctx, cancel := context.WithTimeout(ctx, sqlLimit)
	defer cancel()
	if leave {
		defer n.join(&cancel)()
	}
	c, err := n.pool.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("%s: %w", n.Name, acquireError(err))
	}
	defer c.Release()
	data := c.Conn().PgConn().CustomData()
	delete(data, warned)
	err = f(ctx, c)
	if w, ok := data[warned]; ok && err == nil {
		err = fmt.Errorf("%w: %v", ErrNotReplicated, w)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", n.Name, err)
	}
	return nil
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

// leave ends what is in flight and may be repeated elsewhere, and drops the connections: they may hang, or speak to a
// primary that is none any more. Writes in flight keep their own deadline, since ending them early would only turn a
// late answer into an unknown one.
func (n *node) leave() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for cancel := range n.reads {
		(*cancel)()
	}
	n.pool.Reset()
}

// ask lets the monitor check now instead of at its next tick.
func (n *node) ask() {
	select {
	case n.kick <- struct{}{}:
	default: // a check is already asked for
	}
}
