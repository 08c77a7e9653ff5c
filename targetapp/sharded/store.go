package sharded

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"gauntlet/targetapp/postgres"
	"gauntlet/targetapp/shard"

	"golang.org/x/sync/errgroup"
)

const (
	requestLimit = 850 * time.Millisecond // for a request with all its turns; the load balancer's patience is 1 s
	frozenWait   = 20 * time.Millisecond  // before a slot that is about to move is tried again
)

// Store is the app's store over shards. Make one with [Open]; Run keeps it informed.
type Store struct {
	follow *shard.Follower
	order  []*one
	shards map[string]*one
}

// one is a shard.
type one struct {
	shard.Group
	postgres.Owned
	router *postgres.Router
}

// Options are how the shards are used.
type Options struct {
	App        string // name of this web node
	Idempotent bool
	StaleReads bool
}

// Open opens pools to all shards without connecting. Close the store after use. Until Run runs, it knows no map and no primary.
func Open(groups []shard.Group, source shard.Source, o Options, log *slog.Logger) (*Store, error) {
	s := &Store{follow: shard.NewFollower(source, log), shards: map[string]*one{}}
	for _, g := range groups {
		router, err := postgres.Open(g.Members, o.App, log.With(slog.String("shard", g.Name)))
		if err != nil {
			s.Close()
			return nil, fmt.Errorf("shard %s: %w", g.Name, err)
		}
		sh := &one{Group: g, router: router}
		sh.Owned = postgres.Owned{Store: postgres.Store{Router: router, App: o.App, Idempotent: o.Idempotent, StaleReads: o.StaleReads}, Origin: g.Origin}
		s.order = append(s.order, sh)
		s.shards[g.Name] = sh
	}
	return s, nil
}

// Close ends all connections.
func (s *Store) Close() {
	for _, sh := range s.order {
		sh.router.Close()
	}
}

// Run follows the map and checks all databases until ctx ends.
func (s *Store) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return s.follow.Run(ctx) })
	for _, sh := range s.order {
		g.Go(func() error { return sh.router.Run(ctx) })
	}
	return g.Wait()
}

// AddPost writes a post on its author's shard.
func (s *Store) AddPost(ctx context.Context, p postgres.NewPost) (int64, postgres.Where, error) {
	return atOwner(ctx, s, p.UserID, p.OpID != nil, func(ctx context.Context, sh *one, slot postgres.Slot) (int64, postgres.Where, error) {
		return sh.Owned.AddPost(ctx, slot, p)
	})
}

// AddUser signs up a user in any bucket whose shard can take writes.
func (s *Store) AddUser(ctx context.Context, name, hash string) (int64, postgres.Where, error) {
	low := s.anyLow()
	return atOwner(ctx, s, low, false, func(ctx context.Context, sh *one, slot postgres.Slot) (int64, postgres.Where, error) {
		return sh.Owned.AddUser(ctx, slot, low, name, hash)
	})
}

// anyLow draws the low 8 bits of a new user's id, of a bucket whose shard has a primary if there is one.
func (s *Store) anyLow() int64 {
	m, ok := s.follow.Now()
	first := rand.IntN(shard.Buckets)
	for i := range shard.Buckets {
		low := int64((first + i) % shard.Buckets)
		if sh := s.shards[ownerOf(m, ok, low)]; sh != nil && sh.router.Route().Primary != "" {
			return low
		}
	}
	return int64(first)
}

func ownerOf(m shard.Map, known bool, key int64) string {
	if !known {
		return ""
	}
	return m.Owner(key)
}

// SetRegister lets the register hold value, on its key's shard.
func (s *Store) SetRegister(ctx context.Context, key, value int64) (postgres.Where, error) {
	_, at, err := atOwner(ctx, s, key, false, func(ctx context.Context, sh *one, slot postgres.Slot) (int64, postgres.Where, error) {
		at, err := sh.Owned.SetRegister(ctx, slot, key, value)
		return value, at, err
	})
	return at, err
}

// CurrentRegister is what the register holds now.
func (s *Store) CurrentRegister(ctx context.Context, key int64) (int64, postgres.Where, error) {
	return atOwner(ctx, s, key, true, func(ctx context.Context, sh *one, slot postgres.Slot) (int64, postgres.Where, error) {
		return sh.Owned.CurrentRegister(ctx, slot, key)
	})
}

// atOwner runs f on the shard that owns the key, and on the next owner when the slot moves. again says that f recognises its own
// repetition, so that it may be repeated after an attempt that may have had an effect.
func atOwner[T any](ctx context.Context, s *Store, key int64, again bool, f func(context.Context, *one, postgres.Slot) (T, postgres.Where, error)) (v T, at postgres.Where, err error) {
	ctx, cancel := context.WithTimeout(ctx, requestLimit)
	defer cancel()
	visit, clean := shard.VisitOf(ctx), true
	need := visit.Seen().Version
	for err = errNoMap; ; {
		m, ok := s.follow.After(ctx, need)
		if !ok {
			return v, at, unclean(err, clean)
		}
		slot := m.Slot(key)
		sh := s.shards[m.Owners[slot]]
		if sh == nil {
			return v, at, fmt.Errorf("shard %s is not in APP_SHARDS: %w", m.Owners[slot], errNoMap)
		}
		v, at, err = f(ctx, sh, postgres.Slot{ID: slot, Version: m.Version})
		if !errors.Is(err, postgres.ErrMoved) {
			visit.Saw(m.Version, sh.Name, max(at.Seen, at.Saw))
			return v, at, unclean(err, clean)
		}
		if clean = clean && errors.Is(err, postgres.ErrNoEffect); !clean && !again {
			return v, at, err
		}
		need = s.next(ctx, m.Version)
	}
}

// next is the version of the map to try with after a refusal: a newer one if there is, else the same again in a moment.
func (s *Store) next(ctx context.Context, old int64) int64 {
	if m := s.follow.Refresh(ctx); m.Version > old {
		return m.Version
	}
	t := time.NewTimer(frozenWait)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
	return old
}

// errNoMap is the error of requests that no shard could be found for.
var errNoMap = fmt.Errorf("%w: %w", shard.ErrNoMap, postgres.ErrNoEffect)

// errUnknown stands for what earlier attempts of a request may have done.
var errUnknown = errors.New("an earlier attempt may have had an effect")

// unclean takes "without effect" from an error if that is true of the last attempt only.
func unclean(err error, clean bool) error {
	if err == nil || clean || !errors.Is(err, postgres.ErrNoEffect) {
		return err
	}
	return fmt.Errorf("%w; then: %s", errUnknown, err.Error())
}
