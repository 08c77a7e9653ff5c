package sharded

import (
	"errors"
	"fmt"
	"log/slog"
	"testing"

	"gauntlet/targetapp/postgres"
	"gauntlet/targetapp/shard"
)

func ids(posts []postgres.Post) string {
	s := ""
	for _, p := range posts {
		s += fmt.Sprint(p.ID, " ")
	}
	return s
}

func posts(ids ...int64) (out []postgres.Post) {
	for _, id := range ids {
		out = append(out, postgres.Post{ID: id})
	}
	return out
}

// The newest of all shards, each once; who did not answer is named.
func TestMerge(t *testing.T) {
	_, visit := shard.With(t.Context(), shard.Seen{})
	parts := []part{{posts: posts(9, 5, 1)}, {err: postgres.ErrNoNode}, {posts: posts(8, 5, 2)}}
	got, at, err := merge(parts, []string{"s1", "s2", "s3"}, visit)
	if err != nil || ids(got) != "9 8 5 2 1 " || at.Node != "shards" || len(visit.Partial()) != 1 || visit.Partial()[0] != "s2" {
		t.Errorf("got %s from %q, %v, partial %v", ids(got), at.Node, err, visit.Partial())
	}
	many := make([]int64, feedSize)
	for i := range many {
		many[i] = int64(100 - i)
	}
	if got, _, _ := merge([]part{{posts: posts(many...)}, {posts: posts(500, 1)}}, []string{"s1", "s2"}, visit); len(got) != feedSize || got[0].ID != 500 {
		t.Errorf("%d posts, the first %d; want %d, 500", len(got), got[0].ID, feedSize)
	}
	down := errors.Join(postgres.ErrNoNode, postgres.ErrNoEffect)
	if _, _, err := merge([]part{{err: down}, {err: down}}, []string{"s1", "s2"}, visit); !errors.Is(err, postgres.ErrNoEffect) {
		t.Errorf("all shards are down: %v", err)
	}
}

// That the last attempt had no effect says nothing about the ones before.
func TestUnclean(t *testing.T) {
	moved := fmt.Errorf("write: %w: %w", postgres.ErrMoved, postgres.ErrNoEffect)
	if err := unclean(moved, true); !errors.Is(err, postgres.ErrNoEffect) {
		t.Errorf("one attempt without effect: %v", err)
	}
	if err := unclean(moved, false); errors.Is(err, postgres.ErrNoEffect) || err == nil {
		t.Errorf("after an unknown one: %v", err)
	}
	if unclean(nil, false) != nil {
		t.Error("success became an error")
	}
}

// Without a map nothing can be served, and nothing was changed.
func TestWithoutAMap(t *testing.T) {
	groups, err := shard.ParseGroups("s1=db1@127.0.0.1:1;s2=db2@127.0.0.1:1")
	if err != nil {
		t.Fatal(err)
	}
	keeper, err := shard.NewKeeper("127.0.0.1:1")
	if err != nil {
		t.Fatal(err)
	}
	s, err := Open(groups, keeper, Options{App: "web1"}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Check(t.Context()); err == nil {
		t.Error("ready without a map")
	}
	if _, _, err := s.AddPost(t.Context(), postgres.NewPost{UserID: 7}); !errors.Is(err, postgres.ErrNoEffect) {
		t.Errorf("a post: %v, want one without effect", err)
	}
	if _, _, err := s.Post(t.Context(), 0, 7); !errors.Is(err, postgres.ErrNoEffect) {
		t.Errorf("a read: %v", err)
	}
	if rt := s.Route(); rt.Primary != "" || len(rt.Down) != 2 || len(s.Primaries()) != 2 || s.MapVersion() != 0 {
		t.Errorf("route %+v", rt)
	}
}
