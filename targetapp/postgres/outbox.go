package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Job is a row of the outbox: work that follows from a write and was made in the same statement.
type Job struct {
	ID   int64     `json:"id"`
	Kind string    `json:"kind"` // post, signup, photo
	Ref  string    `json:"ref"`  // what it is about: the id of the post or user, the name of the photo
	Made time.Time `json:"made"`
}

const (
	oncePostJobSQL  = `with p as (` + onceSQL + `), o as (insert into outbox (kind, ref) select 'post', id::text from p) select id from p`
	plainPostJobSQL = `with p as (` + plainSQL + `), o as (insert into outbox (kind, ref) select 'post', id::text from p) select id from p`
	signupJobSQL    = `with u as (` + signupSQL + `), o as (insert into outbox (kind, ref) select 'signup', id::text from u) select id from u`
	addJobSQL       = `insert into outbox (kind, ref) values ($1, $2)`
	// takeSQL takes what nobody took within the last 5 s: a worker that died with its jobs has taken them in vain.
	takeSQL = `update outbox set taken = now() where id in (
 select id from outbox where taken is null or taken < now() - interval '5 seconds' order by id limit $1 for update skip locked)
 returning id, kind, ref, made`
	waitingSQL = `select count(*) from outbox`
	dropSQL    = `delete from outbox where id = any($1)`
	// effectSQL only counts for a job that had its effect, but waits for the synchronous standby all the same: the first
	// attempt may have committed on the primary only. xmax is 0 in a row that was just made.
	effectSQL      = `insert into effects (job, kind, ref, worker) values ($1, $2, $3, $4) on conflict (job) do update set deliveries = effects.deliveries + 1 returning xmax = 0`
	naiveEffectSQL = `insert into effects (job, kind, ref, worker) values ($1, $2, $3, $4) returning true`
)

// Outbox is the workers' view of the database.
type Outbox struct {
	Router     *Router
	App        string // name of this worker, kept with each effect
	Idempotent bool   // a job that is delivered again has no effect again
}

// none stands for the result of statements that have none.
type none struct{}

// AddJob puts a job into the outbox that belongs to no other write.
func (o *Outbox) AddJob(ctx context.Context, kind, ref string) error {
	return o.exec(ctx, false, addJobSQL, kind, ref)
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

// Drop removes jobs that the broker has.
func (o *Outbox) Drop(ctx context.Context, ids []int64) error { return o.exec(ctx, true, dropSQL, ids) }

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
	if o.Idempotent {
		sql = effectSQL
	}
	first, _, err = write(ctx, o.Router, o.Idempotent, func(ctx context.Context, c *pgxpool.Conn) (first bool, err error) {
		err = c.QueryRow(ctx, sql, j.ID, j.Kind, j.Ref, o.App).Scan(&first)
		return first, err
	})
	return first, err
}
