package reshard

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gauntlet/targetapp/postgres"
	"gauntlet/targetapp/shard"

	"github.com/jackc/pgx/v5"
)

const (
	primaryWait = 60 * time.Second // for a shard's primary
	retryEvery  = 250 * time.Millisecond
	callLimit   = 10 * time.Second // for one statement
)

// db is a connection to a shard's primary.
type db struct {
	name string
	conn *pgx.Conn
}

// open waits for the group's primary.
func open(ctx context.Context, g shard.Group) (*db, error) {
	ctx, cancel := context.WithTimeout(ctx, primaryWait)
	defer cancel()
	for {
		var errs []error
		for _, m := range g.Members {
			conn, err := postgres.ConnectPrimary(ctx, m, "reshard")
			if err == nil {
				return &db{g.Name, conn}, nil
			}
			errs = append(errs, fmt.Errorf("%s: %w", m.Name, err))
		}
		if !sleep(ctx, retryEvery) {
			return nil, fmt.Errorf("no primary of shard %s within %s: %w", g.Name, primaryWait, errors.Join(errs...))
		}
	}
}

func (d *db) close(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	d.conn.Close(ctx) // there is nothing to lose on it
}

// exec runs a statement and says how many rows it changed. It fails if only the primary has the change.
func (d *db) exec(ctx context.Context, sql string, args ...any) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	tag, err := d.conn.Exec(ctx, sql, args...)
	if err == nil {
		err = postgres.Unconfirmed(d.conn)
	}
	return tag.RowsAffected(), d.wrap(err)
}

// within runs f in a transaction. It fails if only the primary has the change.
func (d *db) within(ctx context.Context, f func(ctx context.Context, tx pgx.Tx) error) error {
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	err := pgx.BeginFunc(ctx, d.conn, func(tx pgx.Tx) error { return f(ctx, tx) })
	if err == nil {
		err = postgres.Unconfirmed(d.conn)
	}
	return d.wrap(err)
}

// position is where the shard's log stands.
func (d *db) position(ctx context.Context) (postgres.LSN, error) {
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	var at int64
	err := d.conn.QueryRow(ctx, `select (pg_current_wal_lsn() - '0/0')::bigint`).Scan(&at)
	return postgres.LSN(at), d.wrap(err)
}

func (d *db) wrap(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("shard %s: %w", d.name, err)
}

// sleep waits for d; false if ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
