package feed

import (
	"context"
	"encoding/json"
	"fmt"

	"gauntlet/targetapp/postgres"
)

// Feed returns the newest n posts, newest first, and the version that they were last compared with; ErrEmpty or ErrStore.
func (c *Cluster) Feed(ctx context.Context, n int) ([]postgres.Post, postgres.Version, error) {
	v, rows, err := c.read(ctx, feedRead, feedKeys, n)
	if err != nil {
		return nil, "", err
	}
	posts, err := decode[postgres.Post](rows)
	return posts, v, err
}

// Leaderboard returns the n authors with the most likes, as Feed does. Among equals the order is not defined.
func (c *Cluster) Leaderboard(ctx context.Context, n int) ([]postgres.Leader, postgres.Version, error) {
	v, rows, err := c.read(ctx, boardRead, boardKeys, n)
	if err != nil {
		return nil, "", err
	}
	board, err := decode[postgres.Leader](rows)
	return board, v, err
}

func decode[T any](rows []string) ([]T, error) {
	out := make([]T, len(rows))
	for i, row := range rows {
		if err := json.Unmarshal([]byte(row), &out[i]); err != nil {
			return nil, fmt.Errorf("%w: a row is not JSON: %w", ErrEmpty, err)
		}
	}
	return out, nil
}

// AddPost puts a post into the feed, where only the newest 100 stay. ErrEmpty says that there is no feed to put it into.
func (c *Cluster) AddPost(ctx context.Context, p postgres.Post) error {
	args, err := postArgs([]any{keepPosts}, []postgres.Post{p})
	if err == nil {
		_, err = c.run(ctx, feedAdd, feedKeys, args...)
	}
	return err
}

// BuildFeed puts the posts, read at version v, beside those that are there.
func (c *Cluster) BuildFeed(ctx context.Context, v postgres.Version, posts []postgres.Post) error {
	args, err := postArgs([]any{string(v), keepPosts}, posts)
	if err == nil {
		_, err = c.run(ctx, feedBuild, feedKeys, args...)
	}
	return err
}

func postArgs(args []any, posts []postgres.Post) ([]any, error) {
	for _, p := range posts {
		row, err := json.Marshal(p)
		if err != nil {
			return nil, fmt.Errorf("post %d: %w", p.ID, err)
		}
		args = append(args, p.ID, row)
	}
	return args, nil
}

// SetAuthor sets what an author has as of version v, unless a newer version is known. ErrEmpty says that there is no leaderboard.
func (c *Cluster) SetAuthor(ctx context.Context, v postgres.Version, l postgres.Leader) error {
	row, err := json.Marshal(l)
	if err == nil {
		_, err = c.run(ctx, boardSet, boardKeys, l.UserID, row, l.Likes, string(v))
	}
	return err
}

// BuildBoard sets what all authors have as of version v; who is not among them has no likes.
func (c *Cluster) BuildBoard(ctx context.Context, v postgres.Version, all []postgres.Leader) error {
	args := []any{string(v)}
	for _, l := range all {
		row, err := json.Marshal(l)
		if err != nil {
			return fmt.Errorf("author %d: %w", l.UserID, err)
		}
		args = append(args, l.UserID, row, l.Likes)
	}
	_, err := c.run(ctx, boardBuild, boardKeys, args...)
	return err
}
