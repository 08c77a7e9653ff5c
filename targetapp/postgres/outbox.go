package postgres

import (
	"context"
	"time"

	"gauntlet/targetapp/tracing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Job is a row of the outbox: work that follows from a write and was made in the same statement.
type Job struct {
	ID   int64     `json:"id"`
	Kind string    `json:"kind"` // post, comment, signup, photo, feed, leaderboard
	Ref  string    `json:"ref"`  // what it is about: the id of the post, comment or user, the name of the photo
	Made time.Time `json:"made"`

	Trace string `json:"-"` // traceparent of the write, "" if it is not followed; the broker carries it in a header
}

const (
	postJobSQL      = `), o as (insert into outbox (kind, ref, trace) select 'post', id::text, $5 from p) select id from p`
	oncePostJobSQL  = `with p as (` + onceSQL + postJobSQL
	plainPostJobSQL = `with p as (` + plainSQL + postJobSQL
	derivedJobsSQL  = `), o as (insert into outbox (kind, ref, trace) select k, id::text, $5 from p, unnest(array['post', 'feed']) k) select id from p`
	onceDerivedSQL  = `with p as (` + onceSQL + derivedJobsSQL
	plainDerivedSQL = `with p as (` + plainSQL + derivedJobsSQL
	signupJobSQL    = `with u as (` + signupSQL + `), o as (insert into outbox (kind, ref, trace) select 'signup', id::text, $3 from u) select id from u`
	addJobSQL       = `insert into outbox (kind, ref, trace) values ($1, $2, $3)`
	// takeSQL takes what nobody took within the last 5 s: a worker that died with its jobs has taken them in vain; and, of jobs that are
	// kept, what a broker was given 30 s ago and has had no effect yet. The waits between its attempts are 10.5 s in all; that one may still be
	// under way does no harm, since the effect happens once.
	takeSQL = `update outbox set taken = now(), sent = null where id in (
 select id from outbox where case when sent is null then taken is null or taken < now() - interval '5 seconds' else sent < now() - interval '30 seconds' end
 order by id limit $1 for update skip locked)
 returning id, kind, ref, made, coalesce(trace, '')`
	waitingSQL = `select count(*) from outbox where sent is null`
	dropSQL    = `delete from outbox where id = any($1)`
	sentSQL    = `update outbox set sent = now() where id = any($1)`
	// effectSQL only counts for a job that had its effect, but waits for the synchronous standby all the same: the first
	// attempt may have committed on the primary only. xmax is 0 in a row that was just made.
	effectSQL = `insert into effects (job, kind, ref, worker) values ($1, $2, $3, $4) on conflict (job) do update set deliveries = effects.deliveries + 1 returning xmax = 0`
	// keptEffectSQL also ends the keeping of the job, which is its first parameter too.
	keptEffectSQL  = `with kept as (delete from outbox where id = $1) ` + effectSQL
	naiveEffectSQL = `insert into effects (job, kind, ref, worker) values ($1, $2, $3, $4) returning true`
)

// parent is the traceparent that goes with a job; nil, which takes no room, if it is not followed.
func parent(ctx context.Context) *string {
	if s := tracing.Parent(ctx); s != "" {
		return &s
	}
	return nil
}

// Outbox is the workers' view of the database.
type Outbox struct {
	Router     *Router
	App        string // name of this worker, kept with each effect
	Idempotent bool   // a job that is delivered again has no effect again
	Keep       bool   // a job stays until it had its effect, so that one that dies with the broker is brought to another; only with Idempotent
}

// none stands for the result of statements that have none.
type none struct{}

// AddJob puts a job into the outbox that belongs to no other write.
func (o *Outbox) AddJob(ctx context.Context, kind, ref string) error {
	return o.exec(ctx, false, addJobSQL, kind, ref, parent(ctx))
}

// Take returns up to n jobs, which no other worker gets for 5 s.
func (o *Outbox) Take(ctx context.Context, n int) ([]Job, error) {
	jobs, _, err := write(ctx, o.Router, true, func(ctx context.Context, c *pgxpool.Conn) ([]Job, error) {
		rows, err := c.Query(ctx, takeSQL, n)
		if err != nil {
			return nil, err
		}
		return pgx.CollectRows(rows, pgx.RowToStructByPos[Job])
	})
	return jobs, err
}

// Waiting is how many jobs no broker has taken over yet.
func (o *Outbox) Waiting(ctx context.Context) (int, error) {
	n, _, err := write(ctx, o.Router, true, func(ctx context.Context, c *pgxpool.Conn) (n int, err error) {
		err = c.QueryRow(ctx, waitingSQL).Scan(&n)
		return n, err
	})
	return n, err
}

// HandedOver removes jobs that the broker has, or notes when it got them, if they are kept.
func (o *Outbox) HandedOver(ctx context.Context, ids []int64) error {
	if o.Keep {
		return o.exec(ctx, true, sentSQL, ids)
	}
	return o.exec(ctx, true, dropSQL, ids)
}

// GiveUp ends the keeping of a job that was laid aside.
func (o *Outbox) GiveUp(ctx context.Context, id int64) error {
	if !o.Keep {
		return nil
	}
	return o.exec(ctx, true, dropSQL, []int64{id})
}

func (o *Outbox) exec(ctx context.Context, again bool, sql string, args ...any) error {
	_, _, err := write(ctx, o.Router, again, func(ctx context.Context, c *pgxpool.Conn) (none, error) {
		_, err := c.Exec(ctx, sql, args...)
		return none{}, err
	})
	return err
}

// Record is the effect of a job: a row that says that it was done. first is false if it had been done before.
func (o *Outbox) Record(ctx context.Context, j Job) (first bool, err error) {
	sql := naiveEffectSQL
	switch {
	case o.Keep:
		sql = keptEffectSQL
	case o.Idempotent:
		sql = effectSQL
	}
	first, _, err = write(ctx, o.Router, o.Idempotent, func(ctx context.Context, c *pgxpool.Conn) (first bool, err error) {
		err = c.QueryRow(ctx, sql, j.ID, j.Kind, j.Ref, o.App).Scan(&first)
		return first, err
	})
	return first, err
}
