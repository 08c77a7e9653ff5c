package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Post is a row of the feed.
type Post struct {
	ID        int64     `json:"id"`
	UserID    int64     `json:"user_id"`
	User      string    `json:"user"`
	Text      string    `json:"text"`
	CreatedAt time.Time `json:"created_at"`
}

// NewPost is a post to be written. OpID tells a repetition from a second post; nil if the client gave none.
type NewPost struct {
	UserID int64
	Text   string
	OpID   *int64
}

// User is who may log in.
type User struct {
	ID   int64
	Hash string // see package password
}

// feedSize is the number of posts of the feed.
const feedSize = 20

const (
	selectPost = `select p.id, p.user_id, coalesce(u.name, ''), coalesce(p.text, ''), p.created_at from posts p left join users u on u.id = p.user_id `
	feedSQL    = selectPost + `order by p.id desc limit $1`
	postSQL    = selectPost + `where p.id = $1`
	userSQL    = `select id, password_hash from users where id = $1`
	insertSQL  = `insert into posts (user_id, text, op_id, served_by) values ($1, $2, $3, $4) `
	onceSQL    = insertSQL + `on conflict (op_id) where op_id is not null do nothing returning id`
	plainSQL   = insertSQL + `returning id`
	// repeatSQL finds the row of a repeated write. It is an update that changes nothing, because a mere select would
	// not wait for the synchronous standby: the first attempt may have committed on the primary only.
	repeatSQL = `update posts set op_id = op_id where op_id = $1 returning id`
	signupSQL = `insert into users (id, name, password_hash) values (nextval('users_signup'), $1, $2) returning id`
	lsnSQL    = `select (pg_current_wal_lsn() - '0/0')::bigint`
)

// Store runs the app's statements through a router.
type Store struct {
	Router     *Router
	App        string // name of this web node, kept with each post
	Idempotent bool   // recognise repeated writes by their op id
	Jobs       bool   // posts, comments and users bring a job into the outbox, in the same statement
	Derived    bool   // posts and likes bring jobs that keep the feed and the leaderboard of another store
	StaleReads bool   // registers are read at any replica, whatever the session has seen: for showing that a checker catches it
}

// Feed returns the newest 20 posts, newest first, from a node that shows what the session has seen.
func (s *Store) Feed(ctx context.Context, seen LSN) ([]Post, Where, error) {
	return read(ctx, s.Router, seen, func(ctx context.Context, c *pgxpool.Conn) ([]Post, error) {
		rows, err := c.Query(ctx, feedSQL, feedSize)
		if err != nil {
			return nil, err
		}
		return pgx.CollectRows(rows, pgx.RowToStructByPos[Post])
	})
}

// Post returns one post; ErrNotFound if there is none of that id.
func (s *Store) Post(ctx context.Context, seen LSN, id int64) (Post, Where, error) {
	return read(ctx, s.Router, seen, func(ctx context.Context, c *pgxpool.Conn) (p Post, err error) {
		err = found(c.QueryRow(ctx, postSQL, id).Scan(&p.ID, &p.UserID, &p.User, &p.Text, &p.CreatedAt))
		return p, err
	})
}

// User returns one user; ErrNotFound if there is none of that id.
func (s *Store) User(ctx context.Context, seen LSN, id int64) (User, Where, error) {
	return read(ctx, s.Router, seen, func(ctx context.Context, c *pgxpool.Conn) (u User, err error) {
		err = found(c.QueryRow(ctx, userSQL, id).Scan(&u.ID, &u.Hash))
		return u, err
	})
}

// made is a row that was written: its id, and where the log stood after it.
type made struct {
	id   int64
	seen LSN
}

// AddPost writes a post and returns its id, or that of the first attempt if p's op id was seen before.
func (s *Store) AddPost(ctx context.Context, p NewPost) (int64, Where, error) {
	again := s.Idempotent && p.OpID != nil
	once, plain := s.postSQL()
	return addRow(ctx, s.Router, again, func(ctx context.Context, c *pgxpool.Conn) (id int64, err error) {
		if !again {
			err = c.QueryRow(ctx, plain, p.UserID, p.Text, p.OpID, s.App).Scan(&id)
		} else if err = c.QueryRow(ctx, once, p.UserID, p.Text, p.OpID, s.App).Scan(&id); errors.Is(err, pgx.ErrNoRows) {
			err = c.QueryRow(ctx, repeatSQL, p.OpID).Scan(&id)
		}
		return id, err
	})
}

// postSQL are the statements that write a post with an op id that counts, and one without.
func (s *Store) postSQL() (once, plain string) {
	switch {
	case s.Derived:
		return onceDerivedSQL, plainDerivedSQL
	case s.Jobs:
		return oncePostJobSQL, plainPostJobSQL
	}
	return onceSQL, plainSQL
}

// AddUser signs up a user with a password hash and returns the new id.
func (s *Store) AddUser(ctx context.Context, name, hash string) (int64, Where, error) {
	sql := signupSQL
	if s.Jobs {
		sql = signupJobSQL
	}
	return addRow(ctx, s.Router, false, func(ctx context.Context, c *pgxpool.Conn) (id int64, err error) {
		err = c.QueryRow(ctx, sql, name, hash).Scan(&id)
		return id, err
	})
}

// addRow writes a row, and asks where the log stands then.
func addRow(ctx context.Context, r *Router, again bool, add work[int64]) (int64, Where, error) {
	got, at, err := write(ctx, r, again, func(ctx context.Context, c *pgxpool.Conn) (made, error) {
		id, err := add(ctx, c)
		if err != nil {
			return made{}, err
		}
		return made{id, position(ctx, c)}, nil
	})
	at.Seen = got.seen
	return got.id, at, err
}

// position is where the log stands after a commit. If that cannot be told, the write still happened: then the session
// is bound to the primary.
func position(ctx context.Context, c *pgxpool.Conn) LSN {
	var n int64
	if err := c.QueryRow(ctx, lsnSQL).Scan(&n); err != nil {
		return lastLSN
	}
	return LSN(n)
}

func found(err error) error {
	if errors.Is(err, pgx.ErrNoRows) {
		return ErrNotFound
	}
	return err
}
