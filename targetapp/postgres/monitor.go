package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	checkEvery = 100 * time.Millisecond
	seekEvery  = 25 * time.Millisecond // while no primary is known: how far apart the web nodes find the new one
	checkLimit = 200 * time.Millisecond
)

// checkSQL asks a node for all that the choice needs, in one round trip: is it a replica; its timeline (that of the log
// file that a primary writes; the one in the control file is older until the next checkpoint); its position; is it
// connected to a primary; has it replayed all that it received. pg_last_xact_replay_timestamp is not asked for: it says
// nothing on an idle primary, and a deposed primary that came back as a replica has replayed its own last commits.
const checkSQL = `select r,
 case when r then 0 else ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int end,
 (case when r then coalesce(pg_last_wal_replay_lsn(), '0/0') else pg_current_wal_lsn() end - '0/0')::bigint,
 exists (select from pg_stat_wal_receiver),
 r and coalesce(pg_last_wal_replay_lsn() >= pg_last_wal_receive_lsn(), false)
 from (select pg_is_in_recovery() as r offset 0) s`

// finding is one answer of a node.
type finding struct {
	err       error
	asked     time.Time // when the question went out
	recovery  bool
	timeline  int64 // 0 for a replica
	lsn       LSN
	streaming bool // a replica that is connected to a primary
	allSeen   bool // a replica that has replayed all that it received
}

// monitor checks one node on a connection of its own, until ctx ends.
type monitor struct {
	cfg  *pgx.ConnConfig
	conn *pgx.Conn
}

// run checks at once, then whenever it is asked to and every checkEvery, or every seekEvery while seek says so and the node
// answers: one that doesn't would only be kept busy by connection attempts.
func (m *monitor) run(ctx context.Context, n *node, seek func() bool, tell func(finding)) {
	defer m.drop(ctx)
	for ctx.Err() == nil {
		f := m.check(ctx)
		if ctx.Err() != nil {
			return
		}
		tell(f)
		every := checkEvery
		if f.err == nil && seek() {
			every = seekEvery
		}
		next := time.NewTimer(time.Until(f.asked.Add(every)))
		select {
		case <-ctx.Done():
		case <-next.C:
		case <-n.kick:
		}
		next.Stop()
	}
}

// check asks once. After a failure it connects anew, at the next check: a connection that missed its deadline may hang
// for good while the node is well again.
func (m *monitor) check(ctx context.Context) (f finding) {
	f.asked = time.Now()
	ctx, cancel := context.WithTimeout(ctx, checkLimit)
	defer cancel()
	if m.conn == nil {
		if m.conn, f.err = pgx.ConnectConfig(ctx, m.cfg); f.err != nil {
			m.conn = nil
			return f
		}
	}
	var lsn int64
	f.err = m.conn.QueryRow(ctx, checkSQL).Scan(&f.recovery, &f.timeline, &lsn, &f.streaming, &f.allSeen)
	f.lsn = LSN(lsn)
	if f.err != nil {
		m.drop(ctx)
	}
	return f
}

func (m *monitor) drop(ctx context.Context) {
	if m.conn == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), checkLimit/4)
	defer cancel()
	m.conn.Close(ctx)
	m.conn = nil
}
