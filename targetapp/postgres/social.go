package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Comment is what a user says to a post.
type Comment struct {
	ID        int64     `json:"id"`
	UserID    int64     `json:"user_id"`
	User      string    `json:"user"`
	Text      string    `json:"text"`
	CreatedAt time.Time `json:"created_at"`
}

// NewComment is a comment to be written. OpID tells a repetition from a second comment; nil if the client gave none.
type NewComment struct {
	PostID, UserID int64
	Text           string
	OpID           *int64
}

// Leader is an author on the leaderboard, with the likes of all their posts.
type Leader struct {
	UserID int64  `json:"user_id"`
	User   string `json:"user"`
	Likes  int64  `json:"likes"`
}

// Count is how often a post was liked and commented.
type Count struct{ Likes, Comments int64 }

const (
	// BoardSize is the number of authors of a whole leaderboard.
	BoardSize = 100

	commentsSize = 50 // newest comments of a post that are shown
)

const (
	commentsSQL = `select c.id, c.user_id, coalesce(u.name, ''), coalesce(c.text, ''), c.created_at from comments c left join users u on u.id = c.user_id where c.post_id = $1 order by c.id desc limit $2`
	isPostSQL   = `select id from posts where id = $1`
	// A comment needs its post; posts are never removed.
	insertCommentSQL = `insert into comments (post_id, user_id, text, op_id) select id, $2, $3, $4 from posts where id = $1 `
	onceCommentSQL   = insertCommentSQL + `on conflict (op_id) where op_id is not null do nothing returning id`
	plainCommentSQL  = insertCommentSQL + `returning id`
	// repeatCommentSQL waits for the synchronous standby, as repeatSQL does.
	repeatCommentSQL = `update comments set op_id = op_id where op_id = $1 returning id`
	commentJobSQL    = `), o as (insert into outbox (kind, ref) select 'comment', id::text from c) select id from c`

	// likeSQL makes one like of a user and a post, however often it is sent. A repetition changes nothing, but waits for the
	// synchronous standby: the first attempt may have committed on the primary only. xmax is 0 in a row that was just made.
	likeSQL = `insert into likes (post_id, user_id, author) select id, $2, user_id from posts where id = $1
 on conflict (post_id, user_id) do update set author = likes.author returning author, xmax = 0 as changed`
	unlikeSQL = `delete from likes where post_id = $1 and user_id = $2 returning author, true as changed`
	// touchSQL waits as likeSQL does, where there is no like to be removed (any more).
	touchSQL   = `update posts set op_id = op_id where id = $1 returning user_id`
	countsSQL  = `select p.id, (select count(*) from likes l where l.post_id = p.id), (select count(*) from comments c where c.post_id = p.id) from unnest($1::bigint[]) p(id)`
	leadersSQL = `select l.author, coalesce(u.name, ''), l.n from (select author, count(*) n from likes group by author order by n desc, author limit $1) l left join users u on u.id = l.author order by l.n desc, l.author`
)

// Comments returns the newest 50 comments of a post, newest first, from a node that shows what the session has seen; ErrNotFound if
// there is no such post.
func (s *Store) Comments(ctx context.Context, seen LSN, post int64) ([]Comment, Where, error) {
	return read(ctx, s.Router, seen, func(ctx context.Context, c *pgxpool.Conn) ([]Comment, error) {
		rows, err := c.Query(ctx, commentsSQL, post, commentsSize)
		if err != nil {
			return nil, err
		}
		all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Comment])
		if err == nil && len(all) == 0 {
			err = found(c.QueryRow(ctx, isPostSQL, post).Scan(&post))
		}
		return all, err
	})
}

// AddComment writes a comment and returns its id, or that of the first attempt if its op id was seen before; ErrNotFound if there is no
// such post.
func (s *Store) AddComment(ctx context.Context, n NewComment) (int64, Where, error) {
	again := s.Idempotent && n.OpID != nil
	sql := plainCommentSQL
	if again {
		sql = onceCommentSQL
	}
	if s.Jobs {
		sql = `with c as (` + sql + commentJobSQL
	}
	return addRow(ctx, s.Router, again, func(ctx context.Context, c *pgxpool.Conn) (id int64, err error) {
		err = c.QueryRow(ctx, sql, n.PostID, n.UserID, n.Text, n.OpID).Scan(&id)
		if again && errors.Is(err, pgx.ErrNoRows) {
			err = c.QueryRow(ctx, repeatCommentSQL, n.OpID).Scan(&id)
		}
		return id, found(err)
	})
}

// SetLike lets a user like a post, or like it no more. It may be repeated; ErrNotFound if there is no such post.
func (s *Store) SetLike(ctx context.Context, post, user int64, likes bool) (Where, error) {
	sql := unlikeSQL
	if likes {
		sql = likeSQL
	}
	if s.Derived {
		sql = `with l as (` + sql + `), o as (insert into outbox (kind, ref) select 'leaderboard', author::text from l where changed) select author, changed from l`
	}
	_, at, err := addRow(ctx, s.Router, true, func(ctx context.Context, c *pgxpool.Conn) (author int64, err error) {
		var changed bool
		err = c.QueryRow(ctx, sql, post, user).Scan(&author, &changed)
		if !likes && errors.Is(err, pgx.ErrNoRows) {
			err = c.QueryRow(ctx, touchSQL, post).Scan(&author)
		}
		return author, found(err)
	})
	return at, err
}

// Counts returns how often each of the posts was liked and commented, by id.
func (s *Store) Counts(ctx context.Context, seen LSN, posts []int64) (map[int64]Count, Where, error) {
	return read(ctx, s.Router, seen, func(ctx context.Context, c *pgxpool.Conn) (map[int64]Count, error) {
		rows, err := c.Query(ctx, countsSQL, posts)
		if err != nil {
			return nil, err
		}
		out := make(map[int64]Count, len(posts))
		var id int64
		var n Count
		_, err = pgx.ForEachRow(rows, []any{&id, &n.Likes, &n.Comments}, func() error {
			out[id] = n
			return nil
		})
		return out, err
	})
}

// Leaderboard returns the 100 authors whose posts were liked most, most first, from a node that shows what the session has seen.
func (s *Store) Leaderboard(ctx context.Context, seen LSN) ([]Leader, Where, error) {
	return read(ctx, s.Router, seen, func(ctx context.Context, c *pgxpool.Conn) ([]Leader, error) {
		rows, err := c.Query(ctx, leadersSQL, BoardSize)
		if err != nil {
			return nil, err
		}
		return pgx.CollectRows(rows, pgx.RowToStructByPos[Leader])
	})
}
