package shard

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"
)

// again is how long a follower waits after it got no answer.
const again = 100 * time.Millisecond

// Source is where the map is; [Keeper] is one.
type Source interface {
	Load(ctx context.Context) (Kept, error)
	Wait(ctx context.Context, after uint64) (Kept, error)
}

// Follower knows the newest map. While the source is silent it goes on with the last one: the shards refuse what is outdated in it.
type Follower struct {
	source Source
	log    *slog.Logger

	mu      sync.Mutex
	now     Kept
	changed chan struct{} // closed and replaced when now changes
}

// NewFollower follows the source's map while Run runs.
func NewFollower(source Source, log *slog.Logger) *Follower {
	return &Follower{source: source, log: log, changed: make(chan struct{})}
}

// Run follows the map until ctx ends: it waits for the next change, and asks once a second whether one was missed.
func (f *Follower) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		got, err := f.source.Load(ctx)
		if err != nil {
			sleep(ctx, again)
			continue
		}
		f.take(got)
		for err == nil {
			if got, err = f.source.Wait(ctx, got.Asked); err == nil {
				f.take(got)
			}
		}
		if !errors.Is(err, context.DeadlineExceeded) {
			sleep(ctx, again)
		}
	}
	return nil
}

func (f *Follower) take(got Kept) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if got.Version <= f.now.Version {
		return
	}
	if f.now.Version == 0 || len(f.now.Owning()) != len(got.Owning()) {
		f.log.LogAttrs(context.Background(), slog.LevelInfo, "shard map", slog.Int64("version", got.Version), slog.Any("shards", got.Owning()))
	}
	f.now = got
	close(f.changed)
	f.changed = make(chan struct{})
}

// Now is the newest map that is known; false if none is yet.
func (f *Follower) Now() (Map, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.now.Map, f.now.Version > 0
}

// After waits for a map of at least that version; false if ctx ended first. It asks the source itself: one that a session or a shard
// speaks of is there already.
func (f *Follower) After(ctx context.Context, version int64) (Map, bool) {
	for {
		f.mu.Lock()
		now, changed := f.now.Map, f.changed
		f.mu.Unlock()
		if now.Version >= version && now.Version > 0 {
			return now, true
		}
		if got, err := f.source.Load(ctx); err == nil && got.Version >= version {
			f.take(got)
			continue
		}
		t := time.NewTimer(again)
		select {
		case <-ctx.Done():
		case <-changed:
		case <-t.C:
		}
		t.Stop()
		if ctx.Err() != nil {
			return Map{}, false
		}
	}
}

// Refresh asks for the map again; it returns the newest known, whether or not the source answered.
func (f *Follower) Refresh(ctx context.Context) Map {
	if got, err := f.source.Load(ctx); err == nil {
		f.take(got)
	}
	m, _ := f.Now()
	return m
}

// sleep waits for d or until ctx ends.
func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
