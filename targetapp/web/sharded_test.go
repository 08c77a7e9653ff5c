package web

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"gauntlet/targetapp/postgres"
	"gauntlet/targetapp/shard"
)

// overShards is a store that says where its answers came from, as sharded.Store does.
type overShards struct {
	fakeStore
	missing string
	seen    shard.Seen
}

func (o *overShards) Feed(ctx context.Context, seen postgres.LSN) ([]postgres.Post, postgres.Where, error) {
	v := shard.VisitOf(ctx)
	o.seen = v.Seen()
	if o.missing != "" {
		v.Missing(o.missing)
	}
	return o.fakeStore.Feed(ctx, seen)
}

func (o *overShards) AddPost(ctx context.Context, p postgres.NewPost) (int64, postgres.Where, error) {
	shard.VisitOf(ctx).Saw(5, "s2", 0x30)
	return o.fakeStore.AddPost(ctx, p)
}

type twoShards struct{}

func (twoShards) Primaries() map[string]string { return map[string]string{"s1": "db1", "s2": ""} }
func (twoShards) MapVersion() int64            { return 5 }

// A session's positions on all shards come and go in one header; a part of the feed that is missing is named, and nobody keeps such a feed.
func TestOverShards(t *testing.T) {
	store := &overShards{}
	s := newServer(t, store, &fakeRoutes{})
	s.shards, s.pageAge = twoShards{}, 1e9
	w := do(s, "POST", "/posts", `{"text":"a"}`, "Authorization", bearer(t, s), seenHeader, "map=3,s1=0/10")
	if got := w.Header().Get(seenHeader); w.Code != http.StatusCreated || got != "map=5,s1=0/10,s2=0/30" {
		t.Errorf("a write: %d, positions %q; want those of before and its own", w.Code, got)
	}
	w = do(s, "GET", "/feed", "", seenHeader, w.Header().Get(seenHeader))
	if store.seen.String() != "map=5,s1=0/10,s2=0/30" || w.Header().Get(partialHeader) != "" {
		t.Errorf("the store was told %q, partial %q", store.seen, w.Header().Get(partialHeader))
	}
	store.missing = "s3"
	for _, path := range []string{"/feed", "/"} {
		if w = do(s, "GET", path, ""); w.Code != http.StatusOK || w.Header().Get(partialHeader) != "s3" || w.Header().Get(cacheControl) != "no-store" {
			t.Errorf("%s without s3: %d, partial %q, %q", path, w.Code, w.Header().Get(partialHeader), w.Header().Get(cacheControl))
		}
	}
	if w = do(s, "GET", "/feed", "", seenHeader, "nonsense"); w.Code != http.StatusBadRequest {
		t.Errorf("positions that are none: %d, want 400", w.Code)
	}
	if w = do(s, "GET", "/route", ""); !strings.Contains(w.Body.String(), `"map":5`) || !strings.Contains(w.Body.String(), `"shards":{"s1":"db1","s2":""}`) {
		t.Errorf("route: %s", w.Body)
	}
}

func TestReadConfigOfShards(t *testing.T) {
	env := map[string]string{"APP_NAME": "web1", "APP_SHARDS": "s1=db1@h:1;s2=db2@h:2", "APP_SHARD_MAP": "h:2379"}
	c, err := ReadConfig(func(k string) string { return env[k] })
	if err != nil || len(c.Shards) != 2 || len(c.Members) != 0 || c.ShardMap != "h:2379" {
		t.Errorf("got %+v, %v", c, err)
	}
	env["APP_SHARD_MAP"], env["APP_CACHE"], env["APP_JOBS"] = "", "a=h:1", "true"
	_, err = ReadConfig(func(k string) string { return env[k] })
	for _, want := range []string{"APP_SHARD_MAP", "APP_CACHE", "APP_JOBS"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v does not name %s", err, want)
		}
	}
}
