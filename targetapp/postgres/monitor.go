package postgres

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	checkEvery = 100 * time.Millisecond
	checkLimit = 200 * time.Millisecond // for an answer; each time it passes is a miss
	hangLimit  = time.Second            // then the connection is given up; after that, the next after twice the time
	hangMost   = 4 * time.Second        // at most
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
	hung time.Duration // for how long the last answer was awaited in vain; 0: it came, or a refusal
}

// run checks at once, whenever it is asked to, and at each full tenth of a second by the clock: so all web nodes find a new primary at
// about the same moment, and do not send writes to it one after the other.
func (m *monitor) run(ctx context.Context, n *node, tell func(finding)) {
	defer m.drop(ctx)
	for ctx.Err() == nil {
		m.watch(ctx, tell)
		now := time.Now()
		tick := time.NewTimer(now.Truncate(checkEvery).Add(checkEvery).Sub(now))
		select {
		case <-ctx.Done():
		case <-tick.C:
		case <-n.kick:
		}
		tick.Stop()
	}
}

// errLate says that an answer has not come yet.
var errLate = fmt.Errorf("no answer within %s: %w", checkLimit, context.DeadlineExceeded)

// watch checks once, and tells each miss while the answer is awaited.
func (m *monitor) watch(ctx context.Context, tell func(finding)) {
	answer := make(chan finding, 1)
	var asking sync.WaitGroup
	asked := time.Now()
	asking.Go(func() { answer <- m.check(ctx) })
	defer asking.Wait()
	miss := time.NewTicker(checkLimit)
	defer miss.Stop()
	for {
		select {
		case f := <-answer:
			if ctx.Err() == nil {
				tell(f)
			}
			return
		case <-miss.C:
			tell(finding{err: errLate, asked: asked})
		}
	}
}

// check asks once. After a failure it connects anew, at the next check: a connection that missed its deadline may hang
// for good while the node is well again. But each new connection is a process that the node must start: if all who watch it
// connected anew every second because it is too busy to answer in one, that alone could keep it so. So they wait longer each time.
func (m *monitor) check(ctx context.Context) (f finding) {
	f.asked = time.Now()
	limit := min(max(2*m.hung, hangLimit), hangMost)
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	defer func() {
		if m.hung = 0; errors.Is(f.err, context.DeadlineExceeded) {
			m.hung = limit
		}
	}()
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
