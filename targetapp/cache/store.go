package cache

import (
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"strconv"
	"sync"
	"time"

	"gauntlet/targetapp/breaker"
	"gauntlet/targetapp/postgres"

	"golang.org/x/sync/singleflight"
)

// Source is the database; postgres.Store is one.
type Source interface {
	Feed(ctx context.Context, seen postgres.LSN) ([]postgres.Post, postgres.Where, error)
	Post(ctx context.Context, seen postgres.LSN, id int64) (postgres.Post, postgres.Where, error)
	User(ctx context.Context, seen postgres.LSN, id int64) (postgres.User, postgres.Where, error)
	AddPost(ctx context.Context, p postgres.NewPost) (int64, postgres.Where, error)
	AddUser(ctx context.Context, name, hash string) (int64, postgres.Where, error)
}

// Nodes hold the entries; Ring is one.
type Nodes interface {
	Get(ctx context.Context, key string) (Entry, error) // ErrMiss if there is none
	Put(ctx context.Context, key string, e Entry, life time.Duration) error
	Outdate(ctx context.Context, key string, by postgres.LSN) error
	Delete(ctx context.Context, key string) error
	Claim(ctx context.Context, key string, life time.Duration) (bool, error)
}

// ErrMiss says that there is no entry of the key.
var ErrMiss = errors.New("cache: not there")

// Entry is what the cache holds of one key.
type Entry struct {
	Data  []byte       // JSON
	Shows postgres.LSN // all that was written up to here
	Fresh time.Time    // to be fetched again after this
}

const (
	callLimit   = 60 * time.Millisecond  // one call to the cache; the database would answer in less
	loadLimit   = 700 * time.Millisecond // one fetch for all who wait for it; the router's own limit is 600 ms
	claimLife   = 100 * time.Millisecond // at most ten fetches a second of a key that is written all the time
	outdated    = 2 * time.Second        // for so long an outdated entry may be served while a new one is fetched
	feedFresh   = 2 * time.Second
	postFresh   = 30 * time.Second
	afterFresh  = 3 * time.Second // an entry is kept for so long after it was fresh
	breakAfter  = 5               // failures in a row
	breakPause  = 500 * time.Millisecond
	nodeInCache = "cache" // stands for the database that served a request
)

// Store is a Source with a cache in front. Make one with New; Close it after use.
type Store struct {
	Source
	nodes   Nodes
	naive   bool
	through bool  // writes bring what they wrote into the cache
	back    *Back // takes posts before the database does; nil: nobody does
	breaker breaker.Breaker
	flights singleflight.Group
	renew   sync.WaitGroup
	counts  counts
}

// New returns a Store. A naive one lacks the guards against stampedes.
func New(source Source, nodes Nodes, naive bool) *Store {
	return &Store{Source: source, nodes: nodes, naive: naive, breaker: breaker.Breaker{Failures: breakAfter, Pause: breakPause}}
}

// Close waits for fetches in the background.
func (s *Store) Close() { s.renew.Wait() }

// Feed returns the newest posts, from the cache if it shows what the session has seen.
func (s *Store) Feed(ctx context.Context, seen postgres.LSN) ([]postgres.Post, postgres.Where, error) {
	return read(ctx, s, "feed", feedFresh, seen, s.Source.Feed)
}

// Post returns one post.
func (s *Store) Post(ctx context.Context, seen postgres.LSN, id int64) (postgres.Post, postgres.Where, error) {
	return read(ctx, s, postKey(id), postFresh, seen, s.loadPost(id))
}

func (s *Store) loadPost(id int64) loader[postgres.Post] {
	return func(ctx context.Context, seen postgres.LSN) (postgres.Post, postgres.Where, error) {
		return s.Source.Post(ctx, seen, id)
	}
}

func postKey(id int64) string { return "post:" + strconv.FormatInt(id, 10) }

// AddPost writes a post and marks the feed outdated, also if it cannot be known whether the post was written. With WriteThrough the
// post itself is in the cache then, with WriteBack only there.
func (s *Store) AddPost(ctx context.Context, p postgres.NewPost) (int64, postgres.Where, error) {
	if s.back != nil {
		return s.back.add(ctx, p)
	}
	id, at, err := s.Source.AddPost(ctx, p)
	if !errors.Is(err, postgres.ErrNoEffect) {
		s.outdate(ctx, "feed", at.Seen)
	}
	if err == nil {
		renew(ctx, s, postKey(id), postFresh, at.Seen, true, s.loadPost(id))
	}
	return id, at, err
}

// outdate tells the cache that a write up to the position is not in the entry. If that fails, the entry's lifetime bounds
// the error.
func (s *Store) outdate(ctx context.Context, key string, by postgres.LSN) {
	s.call(ctx, func(ctx context.Context) error {
		if s.naive {
			return s.nodes.Delete(ctx, key)
		}
		return s.nodes.Outdate(ctx, key, by)
	})
}

// call calls the cache if the breaker lets it, within callLimit. It says whether there was an answer.
func (s *Store) call(ctx context.Context, f func(context.Context) error) bool {
	if !s.breaker.Allow() {
		s.counts.bypassed.Add(1)
		return false
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), callLimit)
	defer cancel()
	err := f(ctx)
	ok := err == nil || errors.Is(err, ErrMiss)
	s.breaker.Done(ok)
	if !ok {
		s.counts.errors.Add(1)
	}
	return ok
}

type loader[T any] func(ctx context.Context, seen postgres.LSN) (T, postgres.Where, error)

// read serves key from the cache, or fetches it and leaves it there.
func read[T any](ctx context.Context, s *Store, key string, fresh time.Duration, seen postgres.LSN, load loader[T]) (T, postgres.Where, error) {
	var e Entry
	missed := true
	s.call(ctx, func(ctx context.Context) (err error) {
		e, err = s.nodes.Get(ctx, key)
		missed = err != nil
		return err
	})
	var v T
	if missed || !shows(e.Shows, seen) || json.Unmarshal(e.Data, &v) != nil {
		s.counts.misses.Add(1)
		return fetch(ctx, s, key, fresh, seen, load)
	}
	if time.Now().Before(e.Fresh) {
		s.counts.hits.Add(1)
		return v, postgres.Where{Node: nodeInCache, Seen: e.Shows}, nil
	}
	if s.naive {
		s.counts.misses.Add(1)
		return fetch(ctx, s, key, fresh, seen, load)
	}
	s.counts.stale.Add(1)
	s.revalidate(ctx, key, func(ctx context.Context) { fetchAndPut(ctx, s, key, fresh, e.Shows, load) })
	return v, postgres.Where{Node: nodeInCache, Seen: e.Shows}, nil
}

// revalidate runs f in the background, unless it was run by any web node within claimLife.
func (s *Store) revalidate(ctx context.Context, key string, f func(context.Context)) {
	mine := false
	s.call(ctx, func(ctx context.Context) (err error) {
		mine, err = s.nodes.Claim(ctx, key, claimLife)
		return err
	})
	if !mine {
		return
	}
	s.renew.Go(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), loadLimit)
		defer cancel()
		f(ctx)
	})
}

// loaded is the result of one flight.
type loaded[T any] struct {
	v  T
	at postgres.Where
}

// fetch asks the database, together with all others on this node who miss the same key now. Who has seen more than what the
// others fetched asks alone.
func fetch[T any](ctx context.Context, s *Store, key string, fresh time.Duration, seen postgres.LSN, load loader[T]) (T, postgres.Where, error) {
	if s.naive {
		return fetchAndPut(ctx, s, key, fresh, seen, load)
	}
	got, err, shared := s.flights.Do(key, func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), loadLimit)
		defer cancel()
		v, at, err := fetchAndPut(ctx, s, key, fresh, seen, load)
		return loaded[T]{v, at}, err
	})
	l, _ := got.(loaded[T])
	if shared && err == nil && !shows(l.at.Seen, seen) {
		return fetchAndPut(ctx, s, key, fresh, seen, load)
	}
	return l.v, l.at, err
}

// fetchAndPut asks the database and leaves the answer in the cache.
func fetchAndPut[T any](ctx context.Context, s *Store, key string, fresh time.Duration, seen postgres.LSN, load loader[T]) (T, postgres.Where, error) {
	s.counts.loads.Add(1)
	v, at, err := load(ctx, seen)
	if err != nil {
		return v, at, err
	}
	data, err := json.Marshal(v)
	if err != nil {
		return v, at, nil // it can be served, if not kept
	}
	if !s.naive {
		fresh = jitter(fresh)
	}
	s.call(ctx, func(ctx context.Context) error {
		return s.nodes.Put(ctx, key, Entry{Data: data, Shows: at.Seen, Fresh: time.Now().Add(fresh)}, fresh+afterFresh)
	})
	return v, at, nil
}

// shows says whether what was read at a node that stood at position has all that the session has seen. Equal is not enough: a
// primary's log already contains commits that it does not show yet, because they wait for the synchronous standby.
func shows(position, seen postgres.LSN) bool { return seen == 0 || position > seen }

// jitter varies d by up to a fifth.
func jitter(d time.Duration) time.Duration {
	return d*4/5 + rand.N(d*2/5)
}
