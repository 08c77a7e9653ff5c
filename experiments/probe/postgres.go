package probe

import (
	"context"
	"errors"
	"sync"
	"time"
)

// The roles that a database node says it has.
const (
	Primary = "primary"
	Replica = "replica"
)

// postgresPollers ask one database node for its role and position, write the heartbeat while it is primary, and read
// the heartbeat while it is replica: three connections.
func (s *session) postgresPollers(e Endpoint) ([]poller, error) {
	ask, err := newDB(s.watch, s.clock, e, nil)
	if err != nil {
		return nil, err
	}
	write, err := newDB(s.watch, s.clock, e, map[string]string{"statement_timeout": "200"})
	if err != nil {
		return nil, err
	}
	read, err := newDB(s.watch, s.clock, e, nil)
	if err != nil {
		return nil, err
	}
	role := &roleAsker{db: ask, session: s, node: e.Name, role: watchFor(s.out, Role, e.Name), health: health{target: e.Name, out: s.out}}
	pollers := []poller{
		{name: "role " + e.Name, every: stateEvery, limit: dbLimit, asker: role},
		{name: "heartbeat write " + e.Name, every: beatEvery, limit: dbLimit, asker: &beatWriter{db: write, session: s, node: e.Name}},
		{name: "heartbeat read " + e.Name, every: beatEvery, limit: dbLimit, asker: &beatReader{db: read, session: s, node: e.Name}},
	}
	if len(s.watch.of(RabbitMQ)) == 0 {
		return pollers, nil
	}
	count, err := newDB(s.watch, s.clock, e, nil)
	return append(pollers, poller{name: "outbox " + e.Name, every: slowEvery, limit: dbLimit, asker: &outboxReader{db: count, session: s, node: e.Name}}), err
}

// roleAsker asks a node whether it accepts writes and how far its write-ahead log is.
type roleAsker struct {
	*db
	*session
	node     string
	role     watched
	health   health
	recovery bool
	lsn      int64
	nextLSN  time.Duration
}

// The position is where a primary has written and a replica has replayed, in bytes from the log's beginning.
const roleSQL = `select r, (case when r then coalesce(pg_last_wal_replay_lsn(), '0/0') else pg_current_wal_lsn() end - '0/0'::pg_lsn)::bigint
from pg_is_in_recovery() r`

func (a *roleAsker) ask(ctx context.Context) error {
	return a.row(ctx, roleSQL, nil, []any{&a.recovery, &a.lsn})
}

func (a *roleAsker) tell(s span, err error) {
	role := Primary
	switch {
	case err != nil:
		role = Unknown
	case a.recovery:
		role = Replica
	}
	a.board.set(a.node, role, a.lsn)
	a.role.saw(role, s)
	a.health.saw(err, s)
	if s.ended >= a.nextLSN && a.board.known(a.node) == Replica {
		a.nextLSN = s.ended + slowEvery
		a.out.point(a.distance(s, err))
	}
}

// distance is how many bytes of log the replica has yet to replay. The primary's position is up to one poll (40 ms)
// older than the replica's, so the distance is low by what was written in between, and 0 where that makes it negative.
func (a *roleAsker) distance(s span, err error) Point {
	pt := Point{Metric: LSNDistance, Target: a.node, At: s.ended, Took: s.took()}
	lsn, pErr := a.board.primaryLSN()
	if err == nil && a.lsn == 0 {
		err = errors.New("the replica has replayed nothing yet")
	}
	if err = errors.Join(err, pErr); err != nil {
		pt.Err = err.Error()
		return pt
	}
	pt.Value = float64(max(0, lsn-a.lsn))
	return pt
}

// board is what the database nodes last said of themselves.
type board struct {
	mu    sync.Mutex
	nodes map[string]*nodeView
}

type nodeView struct {
	role  string // now, Unknown if it does not answer
	known string // the last role that it did say, "" if none yet
	lsn   int64
}

func newBoard() *board { return &board{nodes: map[string]*nodeView{}} }

func (b *board) set(node, role string, lsn int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	v := b.nodes[node]
	if v == nil {
		v = &nodeView{}
		b.nodes[node] = v
	}
	v.role = role
	if role != Unknown {
		v.known, v.lsn = role, lsn
	}
}

// role is what the node says now; Unknown if it does not answer or was not asked yet.
func (b *board) role(node string) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	if v := b.nodes[node]; v != nil {
		return v.role
	}
	return Unknown
}

// known is the last role that the node did say, "" if none yet.
func (b *board) known(node string) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	if v := b.nodes[node]; v != nil {
		return v.known
	}
	return ""
}

var (
	errNoPrimary    = errors.New("no node answers as primary")
	errTwoPrimaries = errors.New("more than one node answers as primary")
)

// primaryLSN is the log position of the one primary.
func (b *board) primaryLSN() (int64, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	lsn, n := int64(0), 0
	for _, v := range b.nodes {
		if v.role == Primary {
			lsn = v.lsn
			n++
		}
	}
	switch n {
	case 0:
		return 0, errNoPrimary
	case 1:
		return lsn, nil
	default:
		return 0, errTwoPrimaries
	}
}
