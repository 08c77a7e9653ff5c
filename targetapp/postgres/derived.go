package postgres

import (
	"context"
	"strconv"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Version is a moment of the database as text: the timeline and the position in the log, 24 hexadecimal digits. Of two versions, the
// one that is greater as text is the later one. "" is before all.
type Version string

// Shows says whether what was read after the version v has all that the session has seen. Equal is not enough: see package cache.
func (v Version) Shows(seen LSN) bool {
	if seen == 0 {
		return true
	}
	if len(v) != 24 {
		return false
	}
	at, err := strconv.ParseUint(string(v[8:]), 16, 64)
	return err == nil && LSN(at) > seen
}

const (
	// versionSQL is asked before what it is the version of: that is then at least as new.
	versionSQL = `select left(pg_walfile_name(l), 8) || lpad(to_hex((l - '0/0')::bigint), 16, '0') from pg_current_wal_lsn() l`
	authorSQL  = `select u.id, coalesce(u.name, ''), (select count(*) from likes where author = u.id) from users u where u.id = $1`
)

// Origin is where derived stores get their content from: always the primary, whose view is never older than the job that asks.
type Origin struct{ Router *Router }

// versioned is a result with its version.
type versioned[T any] struct {
	version Version
	v       T
}

// atPrimary reads f's result and a version that it is at least as new as.
func atPrimary[T any](ctx context.Context, r *Router, f work[T]) (T, Version, error) {
	got, _, err := write(ctx, r, true, func(ctx context.Context, c *pgxpool.Conn) (got versioned[T], err error) {
		if err = c.QueryRow(ctx, versionSQL).Scan(&got.version); err == nil {
			got.v, err = f(ctx, c)
		}
		return got, err
	})
	return got.v, got.version, err
}

// Post returns one post; ErrNotFound if there is none of that id.
func (o Origin) Post(ctx context.Context, id int64) (Post, error) {
	p, _, err := atPrimary(ctx, o.Router, func(ctx context.Context, c *pgxpool.Conn) (p Post, err error) {
		err = found(c.QueryRow(ctx, postSQL, id).Scan(&p.ID, &p.UserID, &p.User, &p.Text, &p.CreatedAt))
		return p, err
	})
	return p, err
}

// Author returns an author with their likes; ErrNotFound if there is none of that id.
func (o Origin) Author(ctx context.Context, id int64) (Leader, Version, error) {
	return atPrimary(ctx, o.Router, func(ctx context.Context, c *pgxpool.Conn) (l Leader, err error) {
		err = found(c.QueryRow(ctx, authorSQL, id).Scan(&l.UserID, &l.User, &l.Likes))
		return l, err
	})
}

// Newest returns the newest n posts, newest first.
func (o Origin) Newest(ctx context.Context, n int) ([]Post, Version, error) {
	return atPrimary(ctx, o.Router, func(ctx context.Context, c *pgxpool.Conn) ([]Post, error) {
		rows, err := c.Query(ctx, feedSQL, n)
		if err != nil {
			return nil, err
		}
		return pgx.CollectRows(rows, pgx.RowToStructByPos[Post])
	})
}

// Authors returns all authors whose posts are liked.
func (o Origin) Authors(ctx context.Context) ([]Leader, Version, error) {
	return atPrimary(ctx, o.Router, func(ctx context.Context, c *pgxpool.Conn) ([]Leader, error) {
		rows, err := c.Query(ctx, leadersSQL, nil)
		if err != nil {
			return nil, err
		}
		return pgx.CollectRows(rows, pgx.RowToStructByPos[Leader])
	})
}
