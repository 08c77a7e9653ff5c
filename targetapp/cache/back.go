package cache

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"gauntlet/targetapp/postgres"
)

// Shelf keeps posts that are not in the database yet; Ring is one. A bucket is on one node.
type Shelf interface {
	// Keep keeps data under name, and returns what was kept under it first, within the last minute.
	Keep(ctx context.Context, bucket int, name string, data []byte) (first []byte, err error)
	// Kept returns some of what is kept, by name.
	Kept(ctx context.Context, bucket int) (map[string]string, error)
	// Forget lets go of what has come where it belongs.
	Forget(ctx context.Context, bucket int, names []string) error
}

// Sink is the database for posts that come late; postgres.Store is one.
type Sink interface {
	AddPosts(ctx context.Context, all []postgres.LatePost) (postgres.Where, error)
	PostIDs(ctx context.Context, n int) ([]int64, error)
	UserName(ctx context.Context, id int64) (string, error)
}

const (
	buckets   = 8
	backEvery = time.Second // between two batches of a bucket
	backLimit = time.Second // of one batch
	idBlock   = 100
	mostNames = 10_000
)

// Back acknowledges posts when a cache node has them, and brings them into the database in batches. What a node has not handed over
// when it dies is lost, although its author was told that it is written: that is what write-back costs. A node that runs out of
// memory may throw posts away, too.
//
// A session sees its post under its id at once, and in the feed when it is in the database.
type Back struct {
	store *Store
	shelf Shelf
	sink  Sink

	mu    sync.Mutex
	ids   []int64          // taken from the database and not used yet
	names map[int64]string // of users, which never change
}

// WriteBack lets posts be acknowledged by the cache. Call it before the first request, and Run of what it returns beside them.
func (s *Store) WriteBack(shelf Shelf, sink Sink) *Back {
	s.back = &Back{store: s, shelf: shelf, sink: sink, names: map[int64]string{}}
	return s.back
}

// add keeps a post. Where the cache can't, the database takes it as ever.
func (b *Back) add(ctx context.Context, p postgres.NewPost) (int64, postgres.Where, error) {
	late := postgres.LatePost{UserID: p.UserID, Text: p.Text, OpID: p.OpID, At: time.Now()}
	var err error
	if late.ID, err = b.id(ctx); err != nil {
		return 0, postgres.Where{}, fmt.Errorf("an id for the post: %w", err)
	}
	data, err := json.Marshal(late)
	if err != nil {
		return 0, postgres.Where{}, fmt.Errorf("%w: %w", err, postgres.ErrNoEffect)
	}
	tried := false
	kept := b.store.call(ctx, func(ctx context.Context) error {
		tried = true
		first, e := b.shelf.Keep(ctx, bucketOf(late), nameOf(late), data)
		if err = e; err == nil {
			err = json.Unmarshal(first, &late) // a repetition gets the id of the first attempt
		}
		return err
	})
	switch {
	case kept:
		b.show(ctx, late)
		return late.ID, postgres.Where{Node: nodeInCache}, nil
	case tried && p.OpID == nil: // it may be kept, and could not be told from a second post
		return 0, postgres.Where{Node: nodeInCache}, err
	}
	return b.store.Source.AddPost(ctx, p)
}

// bucketOf spreads posts over the buckets; a repetition comes into the same.
func bucketOf(p postgres.LatePost) int {
	if p.OpID != nil {
		return int(uint64(*p.OpID) % buckets)
	}
	return int(uint64(p.ID) % buckets)
}

// nameOf is the same for a repetition.
func nameOf(p postgres.LatePost) string {
	if p.OpID != nil {
		return "op" + strconv.FormatInt(*p.OpID, 10)
	}
	return "id" + strconv.FormatInt(p.ID, 10)
}

// id takes one of a block of ids.
func (b *Back) id(ctx context.Context) (int64, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.ids) == 0 {
		ids, err := b.sink.PostIDs(ctx, idBlock)
		if err != nil {
			return 0, err
		}
		b.ids = ids
	}
	if len(b.ids) == 0 {
		return 0, fmt.Errorf("the database gave no ids: %w", postgres.ErrNoEffect)
	}
	id := b.ids[0]
	b.ids = b.ids[1:]
	return id, nil
}

// show lets readers find the post before it is in the database. If that fails they find it a second later.
func (b *Back) show(ctx context.Context, p postgres.LatePost) {
	name, err := b.name(ctx, p.UserID)
	if err != nil {
		return
	}
	data, err := json.Marshal(postgres.Post{ID: p.ID, UserID: p.UserID, User: name, Text: p.Text, CreatedAt: p.At})
	if err != nil {
		return
	}
	e := Entry{Data: data, Shows: mostLSN, Fresh: time.Now().Add(jitter(postFresh))}
	b.store.call(ctx, func(ctx context.Context) error {
		return b.store.nodes.Put(ctx, postKey(p.ID), e, postFresh+afterFresh)
	})
}

func (b *Back) name(ctx context.Context, user int64) (string, error) {
	b.mu.Lock()
	name, ok := b.names[user]
	b.mu.Unlock()
	if ok {
		return name, nil
	}
	name, err := b.sink.UserName(ctx, user)
	if err != nil && !errors.Is(err, postgres.ErrNotFound) {
		return "", err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.names) < mostNames {
		b.names[user] = name
	}
	return name, nil
}

// Run hands posts over until ctx ends. Those that are kept then are handed over by another web node, or this one when it is back.
func (b *Back) Run(ctx context.Context) error {
	tick := time.NewTicker(backEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		for bucket := range buckets {
			b.handOver(ctx, bucket)
		}
	}
}

// handOver brings one bucket into the database, unless another web node does it now. What could not be brought is kept.
func (b *Back) handOver(ctx context.Context, bucket int) {
	ctx, cancel := context.WithTimeout(ctx, backLimit)
	defer cancel()
	mine := false
	b.store.call(ctx, func(ctx context.Context) (err error) {
		mine, err = b.store.nodes.Claim(ctx, "back:"+strconv.Itoa(bucket), backEvery*9/10)
		return err
	})
	var kept map[string]string
	if !mine || !b.store.call(ctx, func(ctx context.Context) (err error) { kept, err = b.shelf.Kept(ctx, bucket); return err }) {
		return
	}
	var all []postgres.LatePost
	var names []string
	for name, text := range kept {
		var p postgres.LatePost
		if err := json.Unmarshal([]byte(text), &p); err == nil {
			all = append(all, p)
		}
		names = append(names, name) // what can't be read never can
	}
	if len(all) == 0 {
		return
	}
	at, err := b.sink.AddPosts(ctx, all)
	if err != nil {
		return
	}
	b.store.call(ctx, func(ctx context.Context) error { return b.shelf.Forget(ctx, bucket, names) })
	b.store.outdate(ctx, "feed", at.Seen)
}
