package probe

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// ReadBack is which writes one database node holds. A node that could not be read has Err set: what it holds is unknown,
// never lost.
type ReadBack struct {
	Node       string
	Shard      string        // the database cluster that it belongs to, "" where there is only one
	Role       string        // Primary or Replica as the node said when it was read; "" if it never answered
	At         time.Duration // when the reading ended, offset from the run's origin
	Present    [][2]uint64   // ids of writes, ascending ranges with both ends included
	Duplicated [][2]uint64   // those that are there more than once
	Misplaced  [][2]uint64   // those that belong to another shard, by the app's shard map
	CaughtUp   bool          // the primary: it was the only one, from before its reading until after all others'. A replica: it streamed the primary's timeline and had replayed all that the primary had when its ids were read
	Err        string
}

// readLimit bounds the reading of ids itself, after the waiting.
const readLimit = time.Minute

var (
	errBehind  = errors.New("has not replayed yet what the primary had")
	errDeposed = errors.New("was not the only primary any more when all nodes had been read")
)

// ReadBack reads the ids of all posts from every database node, in the order of the endpoints. Call it when writing has
// stopped and faults are healed. It waits for at most wait until one node is the only primary, reads it, notes how far
// its log was after that, and lets each replica reach that position before it reads it, all replicas at the same time.
// A node that has not got there in time, such as one that still has to rejoin, is read as it is, without CaughtUp.
// Reading takes at most another minute. Memory grows with the number of ranges, not of ids. Each shard is a cluster by itself, and
// all are read at the same time.
func (w Watch) ReadBack(ctx context.Context, origin time.Time, wait time.Duration) []ReadBack {
	if w.sharded() {
		return w.readShards(ctx, origin, wait)
	}
	return w.readCluster(ctx, origin, wait, placing{})
}

// readCluster reads the nodes of one database cluster.
func (w Watch) readCluster(ctx context.Context, origin time.Time, wait time.Duration, home placing) []ReadBack {
	ctx, cancel := context.WithTimeout(ctx, wait+readLimit)
	defer cancel()
	r := reading{Watch: w.withDefaults(), clock: clock{origin}, home: home}
	r.until = r.clock.now() + wait
	nodes := w.of(Postgres)
	out := make([]ReadBack, len(nodes))
	first, mark := r.primary(ctx)
	var wg sync.WaitGroup
	for i, e := range nodes {
		if e.Name == first.Node {
			out[i] = first
			continue
		}
		wg.Go(func() { out[i] = r.replica(ctx, e, mark) })
	}
	wg.Wait()
	if i := slices.IndexFunc(nodes, func(e Endpoint) bool { return e.Name == first.Node }); i >= 0 {
		r.confirm(ctx, &out[i])
	}
	for i := range out {
		out[i].Shard = home.shard
	}
	return out
}

// reading is one ReadBack under way.
type reading struct {
	Watch
	clock clock
	until time.Duration // end of the waiting
	home  placing       // where writes belong
}

// mark is a position in the log that replicas must reach; the zero mark can't be reached.
type mark struct{ timeline, lsn int64 }

// reached says whether the replica shows all that was committed before the mark. Without the same timeline a position
// means nothing: an old primary's own log may be longer than the new one's.
func (m mark) reached(s sighting) bool {
	return m.timeline != 0 && s.Recovery && s.Timeline == m.timeline && s.LSN >= m.lsn
}

// primary reads the only primary. Without one in time both results are zero.
func (r reading) primary(ctx context.Context) (ReadBack, mark) {
	for {
		if e, ok := r.onlyPrimary(ctx); ok {
			if rb, m, err := r.readPrimary(ctx, e); err == nil {
				return rb, m
			}
		}
		if !r.again(ctx) {
			return ReadBack{}, mark{}
		}
	}
}

// again waits before the next attempt; false if there is no time for one.
func (r reading) again(ctx context.Context) bool {
	next := r.clock.now() + slowEvery
	return next < r.until && r.clock.sleepUntil(ctx, next)
}

func (r reading) onlyPrimary(ctx context.Context) (Endpoint, bool) {
	dbs, _ := r.census(ctx)
	names := mergeRoles(dbs, nil)[RolePrimary]
	if len(names) != 1 {
		return Endpoint{}, false
	}
	nodes := r.of(Postgres)
	return nodes[slices.IndexFunc(nodes, func(e Endpoint) bool { return e.Name == names[0] })], true
}

// readPrimary reads the ids first and the position after, so that the position covers all ids that were read.
func (r reading) readPrimary(ctx context.Context, e Endpoint) (ReadBack, mark, error) {
	d, err := r.dial(ctx, e)
	if err != nil {
		return ReadBack{}, mark{}, err
	}
	defer d.close()
	rb := ReadBack{Node: e.Name, Role: Primary, CaughtUp: true}
	if err := rb.fill(ctx, d.conn, r.home); err != nil {
		return ReadBack{}, mark{}, err
	}
	rb.At = r.clock.now()
	s, err := r.look(ctx, d, e)
	if err == nil && s.Recovery {
		err = errDeposed
	}
	return rb, mark{s.Timeline, s.LSN}, err
}

// replica waits for the node to reach the mark and reads it. In the last attempt in time it reads it as it is.
func (r reading) replica(ctx context.Context, e Endpoint, m mark) ReadBack {
	for {
		last := r.clock.now()+slowEvery >= r.until
		rb, err := r.readReplica(ctx, e, m, last)
		if err == nil {
			return rb
		}
		if last || !r.clock.sleepUntil(ctx, r.clock.now()+slowEvery) {
			rb.Err = err.Error()
			return rb
		}
	}
}

// readReplica reads the node if it reached the mark, or else if it must be read now.
func (r reading) readReplica(ctx context.Context, e Endpoint, m mark, now bool) (ReadBack, error) {
	rb := ReadBack{Node: e.Name, At: r.clock.now()}
	d, err := r.dial(ctx, e)
	if err != nil {
		return rb, err
	}
	defer d.close()
	s, err := r.look(ctx, d, e)
	if err != nil {
		return rb, err
	}
	rb.Role = roleName(s.Recovery)
	if rb.CaughtUp = m.reached(s); !rb.CaughtUp && !now {
		return rb, errBehind
	}
	err = rb.fill(ctx, d.conn, r.home)
	rb.At = r.clock.now()
	return rb, err
}

// confirm takes the primary's word back if it is not the only primary any more. Silence is asked again: it is no proof.
func (r reading) confirm(ctx context.Context, rb *ReadBack) {
	for range 4 {
		if e, ok := r.onlyPrimary(ctx); ok && e.Name == rb.Node {
			return
		}
		r.clock.sleepUntil(ctx, r.clock.now()+slowEvery)
	}
	rb.CaughtUp, rb.Err = false, errDeposed.Error()
}

// dial gives a connection whose queries last as long as ctx.
func (r reading) dial(ctx context.Context, e Endpoint) (*db, error) {
	ctx, cancel := context.WithTimeout(ctx, dbLimit)
	defer cancel()
	return r.connect(ctx, e)
}

func (r reading) look(ctx context.Context, d *db, e Endpoint) (sighting, error) {
	ctx, cancel := context.WithTimeout(ctx, dbLimit)
	defer cancel()
	return look(ctx, d.conn, e.Name)
}

func roleName(recovery bool) string {
	if recovery {
		return Replica
	}
	return Primary
}

const idsSQL = `select op_id, count(*), coalesce(min(user_id), 0), coalesce(max(user_id), 0) from posts where op_id is not null group by op_id order by op_id`

// fill reads the ids, row by row.
func (rb *ReadBack) fill(ctx context.Context, conn *pgx.Conn, home placing) error {
	rows, err := conn.Query(ctx, idsSQL)
	if err != nil {
		return err
	}
	var present, duplicated, misplaced ranges
	var id, count, user, other int64
	_, err = pgx.ForEachRow(rows, []any{&id, &count, &user, &other}, func() error {
		if id < 0 {
			return fmt.Errorf("post with negative op_id %d, which no run writes", id)
		}
		present.add(uint64(id))
		if count > 1 {
			duplicated.add(uint64(id))
		}
		if home.misplaced(user, other) {
			misplaced.add(uint64(id))
		}
		return nil
	})
	if err != nil {
		return err
	}
	rb.Present, rb.Duplicated, rb.Misplaced = present, duplicated, misplaced
	return nil
}

// ranges are ascending intervals, both ends included.
type ranges [][2]uint64

// add appends an id that is larger than all before.
func (r *ranges) add(id uint64) {
	if n := len(*r); n > 0 && (*r)[n-1][1]+1 == id {
		(*r)[n-1][1] = id
		return
	}
	*r = append(*r, [2]uint64{id, id})
}
