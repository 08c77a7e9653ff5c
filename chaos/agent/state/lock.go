package state

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"gauntlet/chaos"
)

// lock holds a table in ACCESS EXCLUSIVE mode, in a transaction that stays open: nobody else can read or write it. The
// lock ends when the socket closes, so it can't outlive the agent.
type lock struct {
	id string
	s  chaos.StateChange

	conn  *pgx.Conn // nil: this process holds nothing
	table table
	pid   int // of the session
}

// table is what the server calls the table.
type table struct {
	oid  uint32
	name string // quoted, with its schema
}

const tableSQL = `select c.oid, format('%I.%I', n.nspname, c.relname) from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.oid = to_regclass($1)`

// holdSQL keeps the server from ending the session by itself, and makes it notice a dead client also while it waits for the lock.
// Settings that this version lacks are left out.
const holdSQL = `select count(set_config(s.name, v.value, false)) from pg_settings s join (values
	('lock_timeout', '300ms'), ('statement_timeout', '0'), ('idle_in_transaction_session_timeout', '0'), ('transaction_timeout', '0'),
	('client_connection_check_interval', '200ms'), ('tcp_keepalives_idle', '2'), ('tcp_keepalives_interval', '1'), ('tcp_keepalives_count', '3')
	) v(name, value) using (name)`

func (l *lock) apply(ctx context.Context) (proof string, err error) {
	if err := until(ctx, proveLimit, l.open); err != nil {
		return "", fmt.Errorf("postgres: %w", err)
	}
	defer func() {
		if err != nil {
			l.drop()
		}
	}()
	if err := until(ctx, proveLimit, l.take); err != nil {
		return "", fmt.Errorf("postgres: lock table %s: %w", l.s.Table, err)
	}
	waiting, err := l.see(ctx)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("postgres: pg_locks shows %s locked in ACCESS EXCLUSIVE mode by backend %d, %d waiting", l.table.name, l.pid, waiting), nil
}

// open connects and finds the table.
func (l *lock) open(ctx context.Context) error {
	conn, err := pgConnect(ctx, l.s, holderName(lockKind, l.id))
	if err != nil {
		if pgCode(err) != "" && pgCode(err) != cannotConnectNow {
			return final{err}
		}
		return err
	}
	var n int
	err = pgRow(ctx, conn, "select pg_backend_pid()", nil, []any{&l.pid})
	if err == nil {
		err = pgRow(ctx, conn, tableSQL, []any{l.s.Table}, []any{&l.table.oid, &l.table.name})
	}
	if errors.Is(err, pgx.ErrNoRows) {
		err = final{fmt.Errorf("there is no table %s in database %s", l.s.Table, l.s.Database)}
	}
	if err == nil {
		err = pgRow(ctx, conn, holdSQL, nil, []any{&n})
	}
	if err != nil {
		pgClose(conn)
		return err
	}
	l.conn = conn
	return nil
}

// take tries to get the lock for 300 ms. While it waits, others queue up behind it; so it does not wait for longer.
func (l *lock) take(ctx context.Context) error {
	if l.conn.IsClosed() {
		return final{errors.New("the connection was lost")}
	}
	if err := pgExec(ctx, l.conn, askLimit, "begin"); err != nil {
		return err
	}
	err := pgExec(ctx, l.conn, askLimit, "lock table "+l.table.name+" in access exclusive mode")
	if err == nil {
		return nil
	}
	if code := pgCode(err); code != "" && code != lockNotAvailable {
		return final{err}
	}
	return errors.Join(err, pgExec(ctx, l.conn, askLimit, "rollback"))
}

const heldSQL = `select (select count(*) from pg_locks w where w.relation = l.relation and w.database = l.database and not w.granted)
	from pg_locks l where pid = $1 and relation = $2 and mode = 'AccessExclusiveLock' and granted`

// see looks for the lock from another connection, because a question that takes too long costs the connection. If the server
// takes no more of them, it asks on the session itself. It returns how many wait for the table.
func (l *lock) see(ctx context.Context) (waiting int, err error) {
	args, into := []any{l.pid, l.table.oid}, []any{&waiting}
	err = patient(ctx, func(ctx context.Context) error { return pgAsk(ctx, l.s, heldSQL, args, into) })
	if pgRefuses(err) {
		err = pgRow(ctx, l.conn, heldSQL, args, into)
	}
	if errors.Is(err, pgx.ErrNoRows) {
		err = fmt.Errorf("pg_locks does not show the lock of backend %d on %s", l.pid, l.table.name)
	}
	if err != nil {
		return 0, fmt.Errorf("postgres: %w", err)
	}
	return waiting, nil
}

func (l *lock) check(ctx context.Context) error {
	if l.conn == nil {
		return errors.New("postgres: the lock is not held")
	}
	_, err := l.see(ctx)
	return err
}

func (l *lock) clear(ctx context.Context) error {
	l.drop()
	if err := pgEnd(ctx, l.s, holderName(lockKind, l.id)); err != nil {
		return fmt.Errorf("postgres: lock on %s: %w", l.s.Table, err)
	}
	return nil
}

// drop ends the transaction. Closing without a rollback would do too, but a server notes it as a fault.
func (l *lock) drop() {
	if l.conn == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = pgExec(ctx, l.conn, askLimit, "rollback")
	pgClose(l.conn)
	l.conn = nil
}
