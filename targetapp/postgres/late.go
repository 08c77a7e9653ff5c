package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// LatePost is a post that was acknowledged before it came here, with the id that its author was told.
type LatePost struct {
	ID     int64     `json:"id"`
	UserID int64     `json:"user_id"`
	Text   string    `json:"text"`
	OpID   *int64    `json:"op_id,omitempty"`
	At     time.Time `json:"at"` // when it was acknowledged
}

const (
	lateSQL = `insert into posts (id, user_id, text, op_id, created_at, served_by)
 select i, u, t, o, a, $6 from unnest($1::bigint[], $2::bigint[], $3::text[], $4::bigint[], $5::timestamptz[]) as x(i, u, t, o, a) on conflict do nothing`
	idsSQL  = `select nextval('posts_id_seq') from generate_series(1, $1)`
	nameSQL = `select coalesce(name, '') from users where id = $1`
)

// AddPosts writes posts in one statement. Those that are there already, by their id or op id, stay as they are: it may be repeated.
func (s *Store) AddPosts(ctx context.Context, all []LatePost) (Where, error) {
	var ids, users []int64
	var texts []string
	var ops []*int64
	var times []time.Time
	for _, p := range all {
		ids, users, texts, ops, times = append(ids, p.ID), append(users, p.UserID), append(texts, p.Text), append(ops, p.OpID), append(times, p.At)
	}
	seen, at, err := write(ctx, s.Router, true, func(ctx context.Context, c *pgxpool.Conn) (LSN, error) {
		if _, err := c.Exec(ctx, lateSQL, ids, users, texts, ops, times, s.App); err != nil {
			return 0, err
		}
		return position(ctx, c), nil
	})
	at.Seen = seen
	return at, err
}

// PostIDs takes n ids of posts that nobody else gets.
func (s *Store) PostIDs(ctx context.Context, n int) ([]int64, error) {
	ids, _, err := write(ctx, s.Router, true, func(ctx context.Context, c *pgxpool.Conn) ([]int64, error) {
		rows, err := c.Query(ctx, idsSQL, n)
		if err != nil {
			return nil, err
		}
		return pgx.CollectRows(rows, pgx.RowTo[int64])
	})
	return ids, err
}

// UserName is the name that a user has chosen; ErrNotFound if there is none of that id.
func (s *Store) UserName(ctx context.Context, id int64) (string, error) {
	name, _, err := read(ctx, s.Router, 0, func(ctx context.Context, c *pgxpool.Conn) (name string, err error) {
		err = found(c.QueryRow(ctx, nameSQL, id).Scan(&name))
		return name, err
	})
	return name, err
}
