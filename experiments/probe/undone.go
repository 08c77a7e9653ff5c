package probe

import (
	"context"
	"time"
)

// undone looks for the oldest write whose job has had no effect yet, by the rows that both leave in the database. That is the age of the
// oldest message wherever it waits: a broker does not know the age of the head of a quorum queue, and taking messages out to look at
// them would disturb their order and count as deliveries. What a worker has in hand, or waits to be tried again, is not done either.
//
// The tables grow and must not be read as a whole each time. Ids grow with time, so it is enough to begin at the oldest write that was
// not done the last time; its effect is younger than the last look that did not know the write yet.
type undone struct {
	at    time.Duration // of the last look; 0: there was none
	fresh bool          // this poll looked
	age   float64       // seconds, 0: none
	marks []idMark      // looks so far, oldest first; the first is not after floor
	floor int64         // ids of writes to look at are above
}

// idMark is how far the ids were at a look.
type idMark struct{ posts, effects int64 }

const (
	undoneEvery = time.Second
	// lateIDs is how many ids may be taken before one that becomes visible earlier: of transactions that are under way at a time.
	lateIDs = 1000
)

// undoneSQL says "not in" and not "not exists": the former makes a hash of the effects whatever the planner knows of tables that grow
// fast, the latter a loop in a loop while it believes that they are small.
const undoneSQL = `select coalesce(extract(epoch from clock_timestamp() - min(p.created_at)), 0)::float8, coalesce(min(p.id), 0),
 (select coalesce(max(id), 0) from posts), (select coalesce(max(id), 0) from effects)
 from posts p where p.id > $1 and p.op_id is not null
 and p.id::text not in (select e.ref from effects e where e.id > $2 and e.kind = 'post' and e.ref is not null)`

// ask looks if it is time.
func (u *undone) ask(ctx context.Context, now time.Duration, row func(ctx context.Context, sql string, args, into []any) error) error {
	u.fresh = false
	if u.at != 0 && now-u.at < undoneEvery {
		return nil
	}
	var oldest int64
	var m idMark
	if err := row(ctx, undoneSQL, []any{u.floor, u.from()}, []any{&u.age, &oldest, &m.posts, &m.effects}); err != nil {
		return err
	}
	u.at, u.fresh = now, true
	u.saw(oldest, m)
	return nil
}

// from is the id after which the effects of writes above floor are.
func (u *undone) from() int64 {
	if len(u.marks) == 0 || u.marks[0].posts > u.floor {
		return 0
	}
	return u.marks[0].effects
}

// saw takes in a look: the oldest write that is not done, 0 for none, and how far the ids are.
func (u *undone) saw(oldest int64, m idMark) {
	u.marks = append(u.marks, m)
	u.floor = m.posts
	if oldest > 0 {
		u.floor = min(u.floor, oldest-1)
	}
	u.floor = max(0, u.floor-lateIDs)
	for len(u.marks) > 1 && u.marks[1].posts <= u.floor {
		u.marks = u.marks[1:]
	}
}

// tell emits what the last look found. A look that failed is a gap.
func (u *undone) tell(out *emitter, s span, err error) {
	switch {
	case err != nil:
		out.point(Point{Metric: JobAge, Target: "jobs", At: s.ended, Took: s.took(), Err: err.Error()})
	case u.fresh:
		out.point(Point{Metric: JobAge, Target: "jobs", At: s.ended, Took: s.took(), Value: max(0, u.age)})
	}
}
