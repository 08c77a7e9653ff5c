package feed

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"gauntlet/targetapp/postgres"
)

// version is one of timeline 1.
func version(at uint64) postgres.Version { return postgres.Version(fmt.Sprintf("00000001%016x", at)) }

// fakeCluster holds the lists in memory, with the rules of the scripts; err, if set, is all that it says, after takes.
type fakeCluster struct {
	built  bool
	shows  postgres.Version
	posts  map[int64]postgres.Post
	likes  map[int64]postgres.Leader
	asof   map[int64]postgres.Version
	calls  int
	builds int
	err    error
	takes  time.Duration
}

func newFakeCluster() *fakeCluster {
	return &fakeCluster{posts: map[int64]postgres.Post{}, likes: map[int64]postgres.Leader{}, asof: map[int64]postgres.Version{}}
}

func (f *fakeCluster) answer(ctx context.Context) error {
	f.calls++
	if f.takes > 0 {
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", ErrStore, ctx.Err())
		case <-time.After(f.takes):
		}
	}
	if f.err == nil && !f.built {
		return ErrEmpty
	}
	return f.err
}

func (f *fakeCluster) Feed(ctx context.Context, _ int) ([]postgres.Post, postgres.Version, error) {
	return []postgres.Post{{Text: "derived"}}, f.shows, f.answer(ctx)
}

func (f *fakeCluster) Leaderboard(ctx context.Context, _ int) ([]postgres.Leader, postgres.Version, error) {
	var all []postgres.Leader
	for _, l := range f.likes {
		all = append(all, l)
	}
	return all, f.shows, f.answer(ctx)
}

func (f *fakeCluster) AddPost(ctx context.Context, p postgres.Post) error {
	if err := f.answer(ctx); err != nil {
		return err
	}
	f.posts[p.ID] = p
	return nil
}

func (f *fakeCluster) SetAuthor(ctx context.Context, v postgres.Version, l postgres.Leader) error {
	if err := f.answer(ctx); err != nil || f.asof[l.UserID] > v {
		return err
	}
	f.likes[l.UserID], f.asof[l.UserID] = l, v
	return nil
}

func (f *fakeCluster) BuildFeed(_ context.Context, v postgres.Version, posts []postgres.Post) error {
	for _, p := range posts {
		f.posts[p.ID] = p
	}
	f.built, f.shows = true, v
	return f.err
}

func (f *fakeCluster) BuildBoard(_ context.Context, v postgres.Version, all []postgres.Leader) error {
	f.builds++
	for _, l := range all {
		f.likes[l.UserID], f.asof[l.UserID] = l, v
	}
	return f.err
}

// fakeDatabase has two posts and one author, whose likes are its position in the log.
type fakeDatabase struct {
	PostSource
	SocialSource
	at  uint64
	err error
}

func (f *fakeDatabase) Feed(context.Context, postgres.LSN) ([]postgres.Post, postgres.Where, error) {
	return []postgres.Post{{Text: "database"}}, postgres.Where{Node: "db1"}, f.err
}

func (f *fakeDatabase) Leaderboard(context.Context, postgres.LSN) ([]postgres.Leader, postgres.Where, error) {
	return nil, postgres.Where{Node: "db1"}, f.err
}

// fakeOrigin is the database as the keeper sees it.
type fakeOrigin struct{ *fakeDatabase }

func (f fakeOrigin) Post(_ context.Context, id int64) (postgres.Post, error) {
	return postgres.Post{ID: id}, f.err
}

func (f fakeOrigin) Author(_ context.Context, id int64) (postgres.Leader, postgres.Version, error) {
	return postgres.Leader{UserID: id, Likes: int64(f.at)}, version(f.at), f.err
}

func (f fakeOrigin) Newest(context.Context, int) ([]postgres.Post, postgres.Version, error) {
	return []postgres.Post{{ID: 2}, {ID: 1}}, version(f.at), f.err
}

func (f fakeOrigin) Authors(context.Context) ([]postgres.Leader, postgres.Version, error) {
	return []postgres.Leader{{UserID: 4, Likes: int64(f.at)}}, version(f.at), f.err
}

func readFeed(t *testing.T, p Posts, seen postgres.LSN) string {
	t.Helper()
	posts, at, err := p.Feed(t.Context(), seen)
	if err != nil || len(posts) != 1 {
		t.Fatal(posts, err)
	}
	return posts[0].Text + " from " + at.Node
}

func want(t *testing.T, when, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %s, want %s", when, got, want)
	}
}

// Every reason not to trust the cluster leads to the database.
func TestFallback(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newFakeCluster()
		p := Posts{&fakeDatabase{}, NewReader(c)}
		const here, behind = "derived from feed", "database from db1"
		want(t, "nothing there", readFeed(t, p, 0), behind)
		c.built, c.shows = true, version(100)
		want(t, "built", readFeed(t, p, 0), here)
		want(t, "a session that has seen less", readFeed(t, p, 99), here)
		want(t, "a session that may have seen more", readFeed(t, p, 100), behind)
		c.takes = time.Second
		began := time.Now()
		want(t, "slow", readFeed(t, p, 0), behind)
		if took := time.Since(began); took > callLimit {
			t.Errorf("a slow cluster held a reader up for %s", took)
		}
		c.takes, c.err = 0, fmt.Errorf("%w: no route", ErrStore)
		for range 2 * breakAfter {
			want(t, "down", readFeed(t, p, 0), behind)
		}
		if c.calls > breakAfter+5 {
			t.Errorf("%d calls to a cluster that is down", c.calls)
		}
		c.err = nil
		time.Sleep(breakPause)
		want(t, "back", readFeed(t, p, 0), here)
	})
}

func TestLeaderboardIsInOrder(t *testing.T) {
	c := newFakeCluster()
	c.built, c.shows = true, version(9)
	for id, likes := range map[int64]int64{1: 5, 2: 7, 3: 5} {
		c.likes[id] = postgres.Leader{UserID: id, Likes: likes}
	}
	board, at, err := Social{&fakeDatabase{}, NewReader(c)}.Leaderboard(t.Context(), 0)
	if got := fmt.Sprintln(board, at.Node, err); got != "[{2  7} {1  5} {3  5}] feed <nil>\n" {
		t.Error(got)
	}
}

// Jobs may come twice and out of turn: what is there is what the database said last.
func TestJobsMayBeRepeated(t *testing.T) {
	c, db := newFakeCluster(), &fakeDatabase{at: 10}
	k := NewKeeper(fakeOrigin{db}, c)
	do := func(kind, ref string) {
		t.Helper()
		if err := k.Do(t.Context(), kind, ref); err != nil {
			t.Fatal(err)
		}
	}
	do("feed", "2")
	if c.builds != 1 || len(c.posts) != 2 {
		t.Errorf("a job for a store that was lost made %d builds and %d posts, want 1 and 2", c.builds, len(c.posts))
	}
	for range 3 {
		do("feed", "3")
		do("leaderboard", "4")
	}
	db.at = 20
	do("leaderboard", "4")
	db.at = 15 // read before, and written late
	do("leaderboard", "4")
	if len(c.posts) != 3 || c.likes[4].Likes != 20 {
		t.Errorf("%d posts, %d likes; want 3 and 20", len(c.posts), c.likes[4].Likes)
	}
}

func TestJobErrors(t *testing.T) {
	k := NewKeeper(fakeOrigin{&fakeDatabase{}}, newFakeCluster())
	for kind, ref := range map[string]string{"feed": "x", "else": "1"} {
		if err := k.Do(t.Context(), kind, ref); !errors.Is(err, ErrKind) {
			t.Errorf("%s of %s: %v, want ErrKind", kind, ref, err)
		}
	}
	c := newFakeCluster()
	c.built, c.err = true, ErrStore
	if err := NewKeeper(fakeOrigin{&fakeDatabase{}}, c).Do(t.Context(), "feed", "1"); !errors.Is(err, ErrStore) {
		t.Errorf("without a cluster: %v, want ErrStore", err)
	}
}

// The keeper builds at once, again soon after a failure, and now and then.
func TestKeeperBuildsNowAndThen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, db := newFakeCluster(), &fakeDatabase{at: 1, err: postgres.ErrNoNode}
		k := NewKeeper(fakeOrigin{db}, c)
		ctx, stop := context.WithCancel(t.Context())
		warned, done := 0, make(chan struct{})
		go func() {
			k.Run(ctx, func(context.Context, string, error) { warned++ })
			close(done)
		}()
		time.Sleep(time.Second)
		if c.builds != 0 || warned < 2 {
			t.Errorf("%d builds, %d warnings without a database", c.builds, warned)
		}
		db.err = nil
		time.Sleep(2*buildEvery + 2*buildSoon)
		if c.builds != 3 {
			t.Errorf("%d builds, want 3", c.builds)
		}
		stop()
		<-done
	})
}

func TestVersion(t *testing.T) {
	v := version(0x10)
	if v.Shows(0x10) || !v.Shows(0xF) || !v.Shows(0) || postgres.Version("").Shows(1) || postgres.Version("x").Shows(1) {
		t.Errorf("%s shows what it should not, or not what it should", v)
	}
}

func TestParseNodes(t *testing.T) {
	if got, err := ParseNodes("a:1, b:2"); err != nil || len(got) != 2 {
		t.Errorf("got %v, %v", got, err)
	}
	if got, err := ParseNodes(""); err != nil || len(got) != 0 {
		t.Errorf("nothing gave %v, %v", got, err)
	}
	if _, err := ParseNodes("a"); err == nil {
		t.Error("a node without a port passed")
	}
}
