package cache

import (
	"context"
	"errors"
	"maps"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"gauntlet/targetapp/postgres"
)

// fakeShelf is what cache nodes keep; lose forgets it, as a node that dies does.
type fakeShelf struct {
	mu    sync.Mutex
	kept  [buckets]map[string]string
	first map[string][]byte
	err   error
}

func newFakeShelf() *fakeShelf { return &fakeShelf{first: map[string][]byte{}} }

func (f *fakeShelf) Keep(_ context.Context, bucket int, name string, data []byte) ([]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err != nil {
		return nil, f.err
	}
	if old, ok := f.first[name]; ok {
		return old, nil
	}
	if f.kept[bucket] == nil {
		f.kept[bucket] = map[string]string{}
	}
	f.first[name], f.kept[bucket][name] = data, string(data)
	return data, nil
}

func (f *fakeShelf) Kept(_ context.Context, bucket int) (map[string]string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return maps.Clone(f.kept[bucket]), f.err
}

func (f *fakeShelf) Forget(_ context.Context, bucket int, names []string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, n := range names {
		delete(f.kept[bucket], n)
	}
	return f.err
}

func (f *fakeShelf) lose() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.kept, f.first = [buckets]map[string]string{}, map[string][]byte{}
}

// fakeSink is a database of posts.
type fakeSink struct {
	fakeSource
	mu    sync.Mutex
	next  int64
	posts map[int64]postgres.LatePost
	down  bool
}

var errDown = errors.Join(errors.New("no primary"), postgres.ErrNoEffect)

func (f *fakeSink) AddPosts(_ context.Context, all []postgres.LatePost) (postgres.Where, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.down {
		return postgres.Where{}, errDown
	}
	for _, p := range all {
		f.posts[p.ID] = p
	}
	return postgres.Where{Node: "db1", Seen: 1000}, nil
}

func (f *fakeSink) PostIDs(_ context.Context, n int) ([]int64, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var ids []int64
	for range n {
		f.next++
		ids = append(ids, f.next)
	}
	return ids, nil
}

func (f *fakeSink) UserName(context.Context, int64) (string, error) { return "ann", nil }

func (f *fakeSink) Post(_ context.Context, _ postgres.LSN, id int64) (postgres.Post, postgres.Where, error) {
	return postgres.Post{ID: id}, postgres.Where{Node: "db1"}, postgres.ErrNotFound
}

func (f *fakeSink) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.posts)
}

// writeBack starts a store that writes back, and hands over until the test ends.
func writeBack(t *testing.T) (*Store, *fakeShelf, *fakeSink, func()) {
	t.Helper()
	sink, shelf := &fakeSink{posts: map[int64]postgres.LatePost{}}, newFakeShelf()
	s := New(sink, newFakeNodes(), false)
	b := s.WriteBack(shelf, sink)
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { _ = b.Run(ctx) })
	return s, shelf, sink, func() { cancel(); running.Wait(); s.Close() }
}

func post(op int64) postgres.NewPost {
	return postgres.NewPost{UserID: 7, Text: "hello", OpID: &op}
}

func TestWriteBackAcknowledgesFirstAndWritesLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _, sink, end := writeBack(t)
		defer end()
		id, at, err := s.AddPost(t.Context(), post(1))
		if err != nil || at.Node != nodeInCache || sink.count() != 0 {
			t.Fatalf("acknowledged %d by %s, %v, with %d in the database, want it by the cache alone", id, at.Node, err, sink.count())
		}
		got, _, err := s.Post(t.Context(), 500, id)
		if err != nil || got.Text != "hello" || got.User != "ann" {
			t.Errorf("the post reads %+v, %v before it is in the database", got, err)
		}
		again, _, err := s.AddPost(t.Context(), post(1))
		if err != nil || again != id {
			t.Errorf("a repetition is %d, %v, want %d", again, err, id)
		}
		time.Sleep(backEvery + 100*time.Millisecond)
		if sink.count() != 1 || sink.posts[id].UserID != 7 {
			t.Errorf("the database has %v, want post %d", sink.posts, id)
		}
		if again, _, err = s.AddPost(t.Context(), post(1)); err != nil || again != id {
			t.Errorf("a late repetition is %d, %v, want %d", again, err, id)
		}
	})
}

func TestWriteBackOutlivesADatabaseThatIsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _, sink, end := writeBack(t)
		defer end()
		sink.down = true
		for op := range int64(20) {
			if _, _, err := s.AddPost(t.Context(), post(op)); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(5 * time.Second)
		sink.mu.Lock()
		sink.down = false
		sink.mu.Unlock()
		time.Sleep(2 * backEvery)
		if sink.count() != 20 {
			t.Errorf("the database has %d posts, want 20", sink.count())
		}
	})
}

// That is what it costs, and what a ledger must catch.
func TestWriteBackLosesWhatADeadNodeHad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, shelf, sink, end := writeBack(t)
		defer end()
		if _, _, err := s.AddPost(t.Context(), post(1)); err != nil {
			t.Fatal(err)
		}
		shelf.lose()
		time.Sleep(5 * backEvery)
		if sink.count() != 0 {
			t.Error("the post was not lost: who wrote it?")
		}
	})
}

func TestWriteBackWithoutACacheWritesToTheDatabase(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, shelf, _, end := writeBack(t)
		defer end()
		shelf.err = errors.New("down")
		if id, at, err := s.AddPost(t.Context(), post(1)); err != nil || at.Node != "db1" || id != 1 {
			t.Errorf("post %d by %s, %v, want the database's", id, at.Node, err)
		}
		if _, _, err := s.AddPost(t.Context(), postgres.NewPost{UserID: 7}); err == nil || errors.Is(err, postgres.ErrNoEffect) {
			t.Errorf("without an op id: %v, want an error that says nothing about the effect", err)
		}
	})
}

// fakePosts has one post, and counts how often it is read.
type fakePosts struct {
	fakeSource
	reads int
	err   error
}

func (f *fakePosts) Post(_ context.Context, seen postgres.LSN, id int64) (postgres.Post, postgres.Where, error) {
	f.reads++
	return postgres.Post{ID: id, Text: "hello"}, postgres.Where{Node: "db1", Seen: seen}, f.err
}

func TestWriteThroughBringsThePost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := &fakePosts{}
		s := New(db, newFakeNodes(), false)
		defer s.Close()
		s.WriteThrough()
		id, at, err := s.AddPost(t.Context(), post(1))
		if err != nil || db.reads != 1 {
			t.Fatalf("post %d, %v, read back %d times, want once", id, err, db.reads)
		}
		got, from, err := s.Post(t.Context(), at.Seen, id)
		if err != nil || got.Text != "hello" || from.Node != nodeInCache || db.reads != 1 {
			t.Errorf("its author reads %+v from %s, %v, want it from the cache", got, from.Node, err)
		}
		db.err = errors.New("down")
		if _, _, err := s.AddPost(t.Context(), post(2)); err != nil {
			t.Errorf("a write whose row can't be read back: %v, want no error: it is written", err)
		}
	})
}

// Others see a register's new value at once; with cache-aside they may see the old one for a while.
func TestWriteThroughRenewsRegisters(t *testing.T) {
	for _, through := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			db := &fakeRegister{value: 1, at: 100}
			s := New(nil, newFakeNodes(), false)
			defer s.Close()
			if through {
				s.WriteThrough()
			}
			r := Registers{Store: s, Source: db}
			if v, _, err := r.Register(t.Context(), 0, 5); err != nil || v != 1 {
				t.Fatalf("register = %d, %v", v, err)
			}
			if _, err := r.SetRegister(t.Context(), 5, 2); err != nil {
				t.Fatal(err)
			}
			reads := db.reads
			v, at, err := r.Register(t.Context(), 0, 5)
			if err != nil || at.Node != nodeInCache || through && db.reads != reads || (v == 2) != through {
				t.Errorf("through %v: others read %d from %s, %v", through, v, at.Node, err)
			}
		})
	}
}
