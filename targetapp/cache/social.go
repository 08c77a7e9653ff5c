package cache

import (
	"context"
	"errors"
	"strconv"
	"time"

	"gauntlet/targetapp/postgres"
)

const (
	commentsFresh = 30 * time.Second
	boardFresh    = 2 * time.Second
	boardKey      = "leaderboard"
)

// SocialSource is where comments and likes live; postgres.Store is one.
type SocialSource interface {
	AddComment(ctx context.Context, n postgres.NewComment) (int64, postgres.Where, error)
	Comments(ctx context.Context, seen postgres.LSN, post int64) ([]postgres.Comment, postgres.Where, error)
	SetLike(ctx context.Context, post, user int64, likes bool) (postgres.Where, error)
	Counts(ctx context.Context, seen postgres.LSN, posts []int64) (map[int64]postgres.Count, postgres.Where, error)
	Leaderboard(ctx context.Context, seen postgres.LSN) ([]postgres.Leader, postgres.Where, error)
}

// Social is a SocialSource behind the cache, as posts are. Counts are not kept.
type Social struct {
	SocialSource
	Store *Store
}

// AddComment writes a comment and marks those of its post outdated, also if it cannot be known whether it was written.
func (c Social) AddComment(ctx context.Context, n postgres.NewComment) (int64, postgres.Where, error) {
	id, at, err := c.SocialSource.AddComment(ctx, n)
	if !errors.Is(err, postgres.ErrNoEffect) {
		c.Store.outdate(ctx, commentsKey(n.PostID), at.Seen)
	}
	return id, at, err
}

// Comments reads those of a post from the cache if that shows what the session has seen.
func (c Social) Comments(ctx context.Context, seen postgres.LSN, post int64) ([]postgres.Comment, postgres.Where, error) {
	load := func(ctx context.Context, seen postgres.LSN) ([]postgres.Comment, postgres.Where, error) {
		return c.SocialSource.Comments(ctx, seen, post)
	}
	return read(ctx, c.Store, commentsKey(post), commentsFresh, seen, load)
}

// SetLike writes and marks the leaderboard outdated, also if it cannot be known whether anything was written.
func (c Social) SetLike(ctx context.Context, post, user int64, likes bool) (postgres.Where, error) {
	at, err := c.SocialSource.SetLike(ctx, post, user, likes)
	if !errors.Is(err, postgres.ErrNoEffect) {
		c.Store.outdate(ctx, boardKey, at.Seen)
	}
	return at, err
}

// Leaderboard reads from the cache if that shows what the session has seen.
func (c Social) Leaderboard(ctx context.Context, seen postgres.LSN) ([]postgres.Leader, postgres.Where, error) {
	return read(ctx, c.Store, boardKey, boardFresh, seen, c.SocialSource.Leaderboard)
}

func commentsKey(post int64) string { return "comments:" + strconv.FormatInt(post, 10) }
