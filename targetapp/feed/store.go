package feed

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"time"

	"gauntlet/targetapp/breaker"
	"gauntlet/targetapp/postgres"

	"github.com/prometheus/client_golang/prometheus"
)

// Lists is the derived store; Cluster is one.
type Lists interface {
	Feed(ctx context.Context, n int) ([]postgres.Post, postgres.Version, error)
	Leaderboard(ctx context.Context, n int) ([]postgres.Leader, postgres.Version, error)
}

const (
	callLimit  = 60 * time.Millisecond // one call to the cluster; what is behind it would answer in less
	breakAfter = 5                     // failures in a row
	breakPause = 500 * time.Millisecond
	feedSize   = 20 // posts, as of the database's feed
	nodeInFeed = "feed"
)

// Reader reads from the lists what they can be trusted with. Make one with NewReader.
type Reader struct {
	lists   Lists
	breaker breaker.Breaker
	counts  map[string]*[len(results)]atomic.Int64 // by list
}

// What came of a read.
const (
	hit      = iota
	behind   // the session has seen more
	missing  // the list was lost, or never made
	failed   // or late
	bypassed // left out because reads before it failed
)

var results = [...]string{"hit", "behind", "missing", "failed", "bypassed"}

// NewReader reads from lists.
func NewReader(lists Lists) *Reader {
	counts := map[string]*[len(results)]atomic.Int64{"feed": {}, "leaderboard": {}}
	return &Reader{lists: lists, breaker: breaker.Breaker{Failures: breakAfter, Pause: breakPause}, counts: counts}
}

// read has a list from the derived store, or says that it must be had elsewhere.
func read[T any](ctx context.Context, r *Reader, list string, seen postgres.LSN, f func(ctx context.Context) (T, postgres.Version, error)) (v T, at postgres.Where, ok bool) {
	count := r.counts[list]
	if !r.breaker.Allow() {
		count[bypassed].Add(1)
		return v, at, false
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), callLimit)
	defer cancel()
	v, version, err := f(ctx)
	r.breaker.Done(err == nil || errors.Is(err, ErrEmpty))
	switch {
	case errors.Is(err, ErrEmpty):
		count[missing].Add(1)
	case err != nil:
		count[failed].Add(1)
	case !version.Shows(seen):
		count[behind].Add(1)
	default:
		count[hit].Add(1)
		return v, postgres.Where{Node: nodeInFeed, Seen: seen}, true
	}
	return v, at, false
}

// PostSource is where posts come from; postgres.Store is one, and so is cache.Store.
type PostSource interface {
	Feed(ctx context.Context, seen postgres.LSN) ([]postgres.Post, postgres.Where, error)
	Post(ctx context.Context, seen postgres.LSN, id int64) (postgres.Post, postgres.Where, error)
	User(ctx context.Context, seen postgres.LSN, id int64) (postgres.User, postgres.Where, error)
	AddPost(ctx context.Context, p postgres.NewPost) (int64, postgres.Where, error)
	AddUser(ctx context.Context, name, hash string) (int64, postgres.Where, error)
}

// Posts is a PostSource whose feed comes from the derived store where it can.
type Posts struct {
	PostSource
	Reader *Reader
}

// Feed returns the newest 20 posts, newest first. To a session that has seen nothing yet the newest may be missing for a moment.
func (p Posts) Feed(ctx context.Context, seen postgres.LSN) ([]postgres.Post, postgres.Where, error) {
	posts, at, ok := read(ctx, p.Reader, "feed", seen, func(ctx context.Context) ([]postgres.Post, postgres.Version, error) {
		return p.Reader.lists.Feed(ctx, feedSize)
	})
	if ok {
		return posts, at, nil
	}
	return p.PostSource.Feed(ctx, seen)
}

// SocialSource is where comments and likes live; postgres.Store is one, and so is cache.Social.
type SocialSource interface {
	AddComment(ctx context.Context, n postgres.NewComment) (int64, postgres.Where, error)
	Comments(ctx context.Context, seen postgres.LSN, post int64) ([]postgres.Comment, postgres.Where, error)
	SetLike(ctx context.Context, post, user int64, likes bool) (postgres.Where, error)
	Counts(ctx context.Context, seen postgres.LSN, posts []int64) (map[int64]postgres.Count, postgres.Where, error)
	Leaderboard(ctx context.Context, seen postgres.LSN) ([]postgres.Leader, postgres.Where, error)
}

// Social is a SocialSource whose leaderboard comes from the derived store where it can.
type Social struct {
	SocialSource
	Reader *Reader
}

// Leaderboard returns the 100 authors whose posts were liked most, most first.
func (s Social) Leaderboard(ctx context.Context, seen postgres.LSN) ([]postgres.Leader, postgres.Where, error) {
	board, at, ok := read(ctx, s.Reader, "leaderboard", seen, func(ctx context.Context) ([]postgres.Leader, postgres.Version, error) {
		return s.Reader.lists.Leaderboard(ctx, postgres.BoardSize)
	})
	if !ok {
		return s.SocialSource.Leaderboard(ctx, seen)
	}
	slices.SortFunc(board, func(a, b postgres.Leader) int {
		return cmp.Or(cmp.Compare(b.Likes, a.Likes), cmp.Compare(a.UserID, b.UserID))
	})
	return board, at, nil
}

var descReads = prometheus.NewDesc("app_feed_store_reads_total", "Reads of a derived list by result: hit, or why it was had from the database.", []string{"list", "result"}, nil)

// Describe implements prometheus.Collector.
func (r *Reader) Describe(ch chan<- *prometheus.Desc) { ch <- descReads }

// Collect implements prometheus.Collector.
func (r *Reader) Collect(ch chan<- prometheus.Metric) {
	for list, counts := range r.counts {
		for i, name := range results {
			ch <- prometheus.MustNewConstMetric(descReads, prometheus.CounterValue, float64(counts[i].Load()), list, name)
		}
	}
}
