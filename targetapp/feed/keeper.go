package feed

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"gauntlet/targetapp/postgres"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/singleflight"
)

// Origin is the database; postgres.Origin is one.
type Origin interface {
	Post(ctx context.Context, id int64) (postgres.Post, error)
	Author(ctx context.Context, id int64) (postgres.Leader, postgres.Version, error)
	Newest(ctx context.Context, n int) ([]postgres.Post, postgres.Version, error)
	Authors(ctx context.Context) ([]postgres.Leader, postgres.Version, error)
}

// Copy is where the lists are kept; Cluster is one.
type Copy interface {
	AddPost(ctx context.Context, p postgres.Post) error
	BuildFeed(ctx context.Context, v postgres.Version, posts []postgres.Post) error
	SetAuthor(ctx context.Context, v postgres.Version, l postgres.Leader) error
	BuildBoard(ctx context.Context, v postgres.Version, all []postgres.Leader) error
}

const (
	putLimit   = time.Second            // one call to the cluster; nobody waits for it
	buildLimit = 3 * time.Second        // one comparison with the database
	buildEvery = 10 * time.Second       // of all, whatever the jobs did
	buildSoon  = 500 * time.Millisecond // after a comparison that failed
)

// Keeper makes the lists follow the database. Make one with NewKeeper; Run it beside the jobs.
type Keeper struct {
	origin Origin
	to     Copy
	flight singleflight.Group
	builds [2]atomic.Int64 // that succeeded, and failed
}

// NewKeeper keeps what is in to as origin says.
func NewKeeper(origin Origin, to Copy) *Keeper { return &Keeper{origin: origin, to: to} }

// ErrKind says that a job is none of the kinds that Do knows.
var ErrKind = errors.New("feed: no such kind of job")

// Do does a job of the kind feed, about a post, or leaderboard, about an author. It may be done any number of times.
func (k *Keeper) Do(ctx context.Context, kind, ref string) error {
	id, err := strconv.ParseInt(ref, 10, 64)
	if err != nil {
		return fmt.Errorf("%w: %s of %q", ErrKind, kind, ref)
	}
	switch kind {
	case "feed":
		err = k.addPost(ctx, id)
	case "leaderboard":
		err = k.setAuthor(ctx, id)
	default:
		return fmt.Errorf("%w: %q", ErrKind, kind)
	}
	if errors.Is(err, ErrEmpty) {
		err = k.Build(ctx)
	}
	return err
}

func (k *Keeper) addPost(ctx context.Context, id int64) error {
	p, err := k.origin.Post(ctx, id)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, putLimit)
	defer cancel()
	return k.to.AddPost(ctx, p)
}

func (k *Keeper) setAuthor(ctx context.Context, id int64) error {
	l, v, err := k.origin.Author(ctx, id)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, putLimit)
	defer cancel()
	return k.to.SetAuthor(ctx, v, l)
}

// Build compares both lists with the database and mends them. Callers at the same time share one comparison; who came when it had begun
// gets one of its own, so that it shows what the caller has seen.
func (k *Keeper) Build(ctx context.Context) error {
	_, err, shared := k.flight.Do("build", func() (any, error) { return nil, k.build(ctx) })
	if shared && err == nil {
		_, err, _ = k.flight.Do("build", func() (any, error) { return nil, k.build(ctx) })
	}
	return err
}

func (k *Keeper) build(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), buildLimit)
	defer cancel()
	err := errors.Join(k.buildFeed(ctx), k.buildBoard(ctx))
	if err != nil {
		k.builds[1].Add(1)
		return err
	}
	k.builds[0].Add(1)
	return nil
}

func (k *Keeper) buildFeed(ctx context.Context) error {
	posts, v, err := k.origin.Newest(ctx, keepPosts)
	if err != nil {
		return err
	}
	return k.to.BuildFeed(ctx, v, posts)
}

func (k *Keeper) buildBoard(ctx context.Context) error {
	all, v, err := k.origin.Authors(ctx)
	if err != nil {
		return err
	}
	return k.to.BuildBoard(ctx, v, all)
}

// Run builds both lists now and then until ctx ends, and tells warn what failed.
func (k *Keeper) Run(ctx context.Context, warn func(ctx context.Context, what string, err error)) {
	for ctx.Err() == nil {
		wait := buildEvery
		if err := k.Build(ctx); err != nil {
			wait = buildSoon
			warn(ctx, "the feed and the leaderboard cannot be compared with the database", err)
		}
		t := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-t.C:
		}
		t.Stop()
	}
}

var descBuilds = prometheus.NewDesc("app_feed_store_builds_total", "Comparisons of the derived lists with the database.", []string{"result"}, nil)

// Describe implements prometheus.Collector.
func (k *Keeper) Describe(ch chan<- *prometheus.Desc) { ch <- descBuilds }

// Collect implements prometheus.Collector.
func (k *Keeper) Collect(ch chan<- prometheus.Metric) {
	for i, result := range []string{"done", "failed"} {
		ch <- prometheus.MustNewConstMetric(descBuilds, prometheus.CounterValue, float64(k.builds[i].Load()), result)
	}
}
