package sharded

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"gauntlet/targetapp/postgres"
	"gauntlet/targetapp/shard"
)

const (
	feedSize  = 20
	feedLimit = 300 * time.Millisecond // for a shard's part of the feed: who is late is left out
)

// Post returns one post, whose id tells its bucket.
func (s *Store) Post(ctx context.Context, _ postgres.LSN, id int64) (postgres.Post, postgres.Where, error) {
	slots := func(m shard.Map) []int { return m.SlotsOf(id) }
	return find(ctx, s, slots, func(ctx context.Context, sh *one, seen postgres.LSN) (postgres.Post, postgres.Where, error) {
		return sh.Store.Post(ctx, seen, id)
	})
}

// User returns one user.
func (s *Store) User(ctx context.Context, _ postgres.LSN, id int64) (postgres.User, postgres.Where, error) {
	slots := func(m shard.Map) []int { return []int{m.Slot(id)} }
	return find(ctx, s, slots, func(ctx context.Context, sh *one, seen postgres.LSN) (postgres.User, postgres.Where, error) {
		return sh.Store.User(ctx, seen, id)
	})
}

// Register is what the register holds at a node that shows what the session has seen.
func (s *Store) Register(ctx context.Context, _ postgres.LSN, key int64) (int64, postgres.Where, error) {
	slots := func(m shard.Map) []int { return []int{m.Slot(key)} }
	return find(ctx, s, slots, func(ctx context.Context, sh *one, seen postgres.LSN) (int64, postgres.Where, error) {
		return sh.Store.Register(ctx, seen, key)
	})
}

// find asks the owners of the slots, one after the other, for a row. That there is none is believed only of a shard that owns the slot.
func find[T any](ctx context.Context, s *Store, slots func(shard.Map) []int, f func(context.Context, *one, postgres.LSN) (T, postgres.Where, error)) (v T, at postgres.Where, err error) {
	ctx, cancel := context.WithTimeout(ctx, requestLimit)
	defer cancel()
	visit := shard.VisitOf(ctx)
	need := visit.Seen().Version
	for err = errNoMap; ; {
		m, ok := s.follow.After(ctx, need)
		if !ok {
			return v, at, err
		}
		for _, slot := range slots(m) {
			v, at, err = ask(ctx, s, m, slot, f)
			if !errors.Is(err, postgres.ErrNotFound) {
				break
			}
		}
		if !errors.Is(err, postgres.ErrMoved) {
			return v, at, err
		}
		need = s.next(ctx, m.Version)
	}
}

// ask asks the owner of one slot.
func ask[T any](ctx context.Context, s *Store, m shard.Map, slot int, f func(context.Context, *one, postgres.LSN) (T, postgres.Where, error)) (v T, at postgres.Where, err error) {
	sh, visit := s.shards[m.Owners[slot]], shard.VisitOf(ctx)
	if sh == nil {
		return v, at, errNoMap
	}
	v, at, err = f(ctx, sh, s.mustShow(m, visit, sh))
	if errors.Is(err, postgres.ErrNotFound) {
		if e := sh.Owned.Owns(ctx, postgres.Slot{ID: slot, Version: m.Version}); e != nil {
			err = e
		}
	}
	if err == nil {
		visit.Saw(m.Version, sh.Name, at.Saw)
	}
	return v, at, err
}

// mustShow is the position that a node of the shard must have replayed: what the session has seen, and all that moved to the shard.
func (s *Store) mustShow(m shard.Map, v *shard.Visit, sh *one) postgres.LSN {
	return max(v.Seen().At[sh.Name], m.Arrived[sh.Name])
}

// Feed returns the newest posts of all shards. Shards that can't answer in time are left out and noted in the visit; it is an error only
// if none answers.
func (s *Store) Feed(ctx context.Context, _ postgres.LSN) ([]postgres.Post, postgres.Where, error) {
	visit := shard.VisitOf(ctx)
	m, ok := s.follow.After(ctx, visit.Seen().Version)
	if !ok {
		return nil, postgres.Where{}, errNoMap
	}
	names := m.Owning()
	parts := make([]part, len(names))
	var wg sync.WaitGroup
	for i, name := range names {
		wg.Go(func() { parts[i] = s.part(ctx, m, visit, name) })
	}
	wg.Wait()
	return merge(parts, names, visit)
}

// part is a shard's share of the feed.
type part struct {
	posts []postgres.Post
	at    postgres.Where
	err   error
}

func (s *Store) part(ctx context.Context, m shard.Map, visit *shard.Visit, name string) (p part) {
	ctx, cancel := context.WithTimeout(ctx, feedLimit)
	defer cancel()
	sh := s.shards[name]
	if sh == nil {
		return part{err: errNoMap}
	}
	if rt := sh.router.Route(); rt.Primary == "" && len(rt.Replicas) == 0 {
		return part{err: errors.Join(postgres.ErrNoNode, postgres.ErrNoEffect)} // waiting would only make the whole feed late
	}
	p.posts, p.at, p.err = sh.Store.Feed(ctx, s.mustShow(m, visit, sh))
	return p
}

// merge keeps the newest: ids grow with time on all shards alike. A row that is just being moved is on two shards and shown once.
func merge(parts []part, names []string, visit *shard.Visit) (all []postgres.Post, at postgres.Where, err error) {
	var errs []error
	for i, p := range parts {
		if p.err != nil {
			visit.Missing(names[i])
			errs = append(errs, p.err)
			continue
		}
		at.Node = p.at.Node
		all = append(all, p.posts...)
	}
	if len(errs) == len(parts) {
		return nil, at, errors.Join(errs...)
	}
	if len(parts)-len(errs) > 1 {
		at.Node = "shards"
	}
	slices.SortFunc(all, func(a, b postgres.Post) int { return cmp.Compare(b.ID, a.ID) })
	all = slices.CompactFunc(all, func(a, b postgres.Post) bool { return a.ID == b.ID })
	return all[:min(len(all), feedSize)], at, nil
}
