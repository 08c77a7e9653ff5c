package cache

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"gauntlet/targetapp/postgres"
)

// fakeNodes are a cache in memory, with the rules of the scripts. err, if set, is all that it says.
type fakeNodes struct {
	mu      sync.Mutex
	entries map[string]Entry
	by      map[string]postgres.LSN
	claims  map[string]time.Time
	calls   int
	err     error
}

func newFakeNodes() *fakeNodes {
	return &fakeNodes{entries: map[string]Entry{}, by: map[string]postgres.LSN{}, claims: map[string]time.Time{}}
}

func (f *fakeNodes) lock() func() {
	f.mu.Lock()
	f.calls++
	return f.mu.Unlock
}

func (f *fakeNodes) Get(_ context.Context, key string) (Entry, error) {
	defer f.lock()()
	e, ok := f.entries[key]
	if f.err == nil && !ok {
		return e, ErrMiss
	}
	return e, f.err
}

func (f *fakeNodes) Put(_ context.Context, key string, e Entry, _ time.Duration) error {
	defer f.lock()()
	if old := f.entries[key]; f.err != nil || old.Shows > e.Shows {
		return f.err
	}
	if by, ok := f.by[key]; ok && by >= e.Shows {
		e.Fresh = time.Time{}
	}
	f.entries[key] = e
	return f.err
}

func (f *fakeNodes) Outdate(_ context.Context, key string, by postgres.LSN) error {
	defer f.lock()()
	f.by[key] = max(f.by[key], by)
	if e, ok := f.entries[key]; ok {
		e.Fresh = time.Time{}
		f.entries[key] = e
	}
	return f.err
}

func (f *fakeNodes) Delete(_ context.Context, key string) error {
	defer f.lock()()
	delete(f.entries, key)
	return f.err
}

func (f *fakeNodes) Claim(_ context.Context, key string, life time.Duration) (bool, error) {
	defer f.lock()()
	if f.err != nil || time.Now().Before(f.claims[key]) {
		return false, f.err
	}
	f.claims[key] = time.Now().Add(life)
	return true, nil
}

// fakeSource is a database whose feed shows how often it was asked; it takes a while to answer.
type fakeSource struct {
	Source
	feeds atomic.Int64
	at    atomic.Uint64 // position in its log
	takes time.Duration
	err   error
}

func (f *fakeSource) Feed(_ context.Context, seen postgres.LSN) ([]postgres.Post, postgres.Where, error) {
	at := max(postgres.LSN(f.at.Load()), seen)
	time.Sleep(f.takes)
	return []postgres.Post{{ID: f.feeds.Add(1)}}, postgres.Where{Node: "db1", Seen: at}, f.err
}

func (f *fakeSource) AddPost(context.Context, postgres.NewPost) (int64, postgres.Where, error) {
	return 1, postgres.Where{Node: "db1", Seen: postgres.LSN(f.at.Add(10))}, f.err
}

// feed reads and says what it got: the number of the fetch, and from where.
func feed(t *testing.T, s *Store, seen postgres.LSN) string {
	t.Helper()
	posts, at, err := s.Feed(t.Context(), seen)
	if err != nil || len(posts) != 1 {
		return fmt.Sprint(err)
	}
	return fmt.Sprintf("%d from %s", posts[0].ID, at.Node)
}

func want(t *testing.T, when, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %s, want %s", when, got, want)
	}
}

func TestAside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db, nodes := &fakeSource{}, newFakeNodes()
		db.at.Store(100)
		s := New(db, nodes, false)
		defer s.Close()
		want(t, "cold", feed(t, s, 0), "1 from db1")
		want(t, "warm", feed(t, s, 0), "1 from cache")
		time.Sleep(feedFresh * 2)
		want(t, "stale, and fetched in the background", feed(t, s, 0), "1 from cache")
		synctest.Wait()
		want(t, "renewed", feed(t, s, 0), "2 from cache")
		if _, _, err := s.AddPost(t.Context(), postgres.NewPost{}); err != nil {
			t.Fatal(err)
		}
		want(t, "outdated by another's write", feed(t, s, 0), "2 from cache")
		want(t, "the writer sees its own", feed(t, s, 110), "3 from db1")
	})
}

// A reader that fetched before a write cannot make the entry fresh again after it.
func TestSlowReaderDoesNotHideAWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db, nodes := &fakeSource{takes: 50 * time.Millisecond}, newFakeNodes()
		db.at.Store(100)
		s := New(db, nodes, false)
		defer s.Close()
		var wg sync.WaitGroup
		wg.Go(func() { feed(t, s, 0) })
		time.Sleep(10 * time.Millisecond)
		if _, _, err := s.AddPost(t.Context(), postgres.NewPost{}); err != nil {
			t.Fatal(err)
		}
		wg.Wait()
		if e := nodes.entries["feed"]; time.Now().Before(e.Fresh) {
			t.Errorf("the entry shows position %d, was outdated by %d, and counts as fresh", e.Shows, nodes.by["feed"])
		}
		want(t, "the writer", feed(t, s, 110), "2 from db1")
	})
}

// The proof that the guard works is that the naive variant fails the same check.
func TestStampede(t *testing.T) {
	for naive, most := range map[bool]int64{false: 1, true: 50} {
		synctest.Test(t, func(t *testing.T) {
			db := &fakeSource{takes: 20 * time.Millisecond}
			s := New(db, newFakeNodes(), naive)
			defer s.Close()
			var wg sync.WaitGroup
			for range 50 {
				wg.Go(func() { feed(t, s, 0) })
			}
			wg.Wait()
			if got := db.feeds.Load(); got != most {
				t.Errorf("naive %v: 50 readers of a cold key fetched %d times, want %d", naive, got, most)
			}
		})
	}
}

// One who has seen more than the flight that it joined asks for itself.
func TestJoinedFlightIsTooOld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := &fakeSource{takes: 50 * time.Millisecond}
		db.at.Store(100)
		s := New(db, newFakeNodes(), false)
		defer s.Close()
		var wg sync.WaitGroup
		wg.Go(func() { feed(t, s, 0) })
		time.Sleep(10 * time.Millisecond)
		db.at.Store(130)
		want(t, "joined with more seen", feed(t, s, 120), "2 from db1")
		wg.Wait()
	})
}

func TestBrokenCacheIsBypassed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db, nodes := &fakeSource{}, newFakeNodes()
		nodes.err = errors.New("no route")
		s := New(db, nodes, false)
		defer s.Close()
		for i := range 20 {
			want(t, "a broken cache is a miss", feed(t, s, 0), fmt.Sprintf("%d from db1", i+1))
		}
		if nodes.calls != breakAfter {
			t.Errorf("%d calls to a broken cache, want %d", nodes.calls, breakAfter)
		}
		nodes.err = nil
		time.Sleep(breakPause)
		feed(t, s, 0)
		want(t, "after it came back", feed(t, s, 0), "21 from cache")
	})
}

func TestWriteOfUnknownEffectOutdates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db, nodes := &fakeSource{}, newFakeNodes()
		s := New(db, nodes, false)
		defer s.Close()
		feed(t, s, 0)
		db.err = context.DeadlineExceeded
		if _, _, err := s.AddPost(t.Context(), postgres.NewPost{}); err == nil {
			t.Fatal("no error")
		}
		if time.Now().Before(nodes.entries["feed"].Fresh) {
			t.Error("a write that may have happened left the feed fresh")
		}
		db.err = fmt.Errorf("%w", postgres.ErrNoEffect)
		nodes.entries["feed"] = Entry{Data: []byte("[]"), Fresh: time.Now().Add(time.Hour)}
		if _, _, err := s.AddPost(t.Context(), postgres.NewPost{}); err == nil || !time.Now().Before(nodes.entries["feed"].Fresh) {
			t.Errorf("%v: a write that did not happen outdated the feed", err)
		}
	})
}

// The loss of a node moves its own keys only; of the naive choice it moves most others too.
func TestModuloMovesMostKeys(t *testing.T) {
	three, two := newModulo([]string{"c", "a", "b"}), newModulo([]string{"b", "a"})
	moved, others := 0, 0
	for i := range 3000 {
		key := fmt.Sprintf("post:%d", i)
		if three.Get(key) == "c" {
			continue
		}
		if others++; three.Get(key) != two.Get(key) {
			moved++
		}
	}
	if share := float64(moved) / float64(others); share < 0.3 {
		t.Errorf("%.0f %% of the live nodes' keys moved; the naive choice is too good", 100*share)
	}
	if got := newModulo(nil).Get("x"); got != "" {
		t.Errorf("without nodes the key goes to %q", got)
	}
}

func TestJitterStaysWithinAFifth(t *testing.T) {
	for range 1000 {
		if d := jitter(time.Second); d < 800*time.Millisecond || d >= 1200*time.Millisecond {
			t.Fatalf("jitter made %s of 1s", d)
		}
	}
}
