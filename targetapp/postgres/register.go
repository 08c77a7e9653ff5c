package postgres

import (
	"context"

	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	setSQL = `insert into registers (key, value) values ($1, $2) on conflict (key) do update set value = excluded.value`
	// getSQL also says how far the node's log is, asked after the value was read: who has seen the value has seen no more than that.
	getSQL = `select r.value, (case when pg_is_in_recovery() then coalesce(pg_last_wal_replay_lsn(), '0/0') else pg_current_wal_lsn() end - '0/0')::bigint
 from (select value from registers where key = $1 offset 0) r`
	// currentSQL is an update that changes nothing: it is answered only when the synchronous standby has it, so that a primary
	// that was deposed and does not know it yet cannot answer. A mere select could show what another primary has overwritten.
	currentSQL = `update registers set value = value where key = $1 returning value`
)

// SetRegister lets the register hold value. Repeating it is harmless only for the register's sole writer, so it is not repeated.
func (s *Store) SetRegister(ctx context.Context, key, value int64) (Where, error) {
	seen, at, err := write(ctx, s.Router, false, func(ctx context.Context, c *pgxpool.Conn) (LSN, error) {
		if _, err := c.Exec(ctx, setSQL, key, value); err != nil {
			return 0, err
		}
		return position(ctx, c), nil
	})
	at.Seen = seen
	return at, err
}

// Register is what the register holds at a node that shows what the session has seen, with StaleReads at any replica; ErrNotFound
// if it was never set.
func (s *Store) Register(ctx context.Context, seen LSN, key int64) (int64, Where, error) {
	if s.StaleReads {
		seen = 0
	}
	got, at, err := read(ctx, s.Router, seen, func(ctx context.Context, c *pgxpool.Conn) (got [2]int64, err error) {
		err = found(c.QueryRow(ctx, getSQL, key).Scan(&got[0], &got[1]))
		return got, err
	})
	at.Saw = LSN(got[1])
	return got[0], at, err
}

// CurrentRegister is what the register holds now, linearizable with all writes that were acknowledged before.
func (s *Store) CurrentRegister(ctx context.Context, key int64) (int64, Where, error) {
	return write(ctx, s.Router, true, func(ctx context.Context, c *pgxpool.Conn) (value int64, err error) {
		err = found(c.QueryRow(ctx, currentSQL, key).Scan(&value))
		return value, err
	})
}
