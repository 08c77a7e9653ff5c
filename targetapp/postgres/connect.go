package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// ErrReplica says that a node is no primary.
var ErrReplica = errors.New("is a replica")

// connectOneLimit bounds one attempt to connect and to ask whether the node is primary.
const connectOneLimit = time.Second

// ConnectPrimary returns a connection of its own to m, for work that is no request; [ErrReplica] if m is not primary. A commit for which
// the server gave up waiting for the synchronous standby is told by [Unconfirmed].
func ConnectPrimary(ctx context.Context, m Member, app string) (*pgx.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, connectOneLimit)
	defer cancel()
	cfg, err := pgx.ParseConfig("postgres://app:app@" + m.Addr + "/app?sslmode=disable&timezone=UTC")
	if err != nil {
		return nil, err
	}
	cfg.RuntimeParams["application_name"] = app
	cfg.OnNotice = func(c *pgconn.PgConn, n *pgconn.Notice) { noteWarning(c, n) }
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return nil, err
	}
	var replica bool
	if err = conn.QueryRow(ctx, `select pg_is_in_recovery()`).Scan(&replica); err == nil && replica {
		err = ErrReplica
	}
	if err != nil {
		return nil, errors.Join(err, conn.Close(context.WithoutCancel(ctx)))
	}
	return conn, nil
}

// Unconfirmed returns [ErrNotReplicated] if the server warned since the last call, else nil.
func Unconfirmed(c *pgx.Conn) error {
	data := c.PgConn().CustomData()
	if _, ok := data[warned]; !ok {
		return nil
	}
	delete(data, warned)
	return ErrNotReplicated
}
