package web

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"gauntlet/targetapp/postgres"
)

// fakeSocial remembers likes and comments; posts other than 5 do not exist.
type fakeSocial struct {
	likes    map[int64]bool // by user
	comments []postgres.NewComment
	seen     postgres.LSN
	err      error
}

func (f *fakeSocial) post(id int64) error {
	if f.err == nil && id != 5 {
		return postgres.ErrNotFound
	}
	return f.err
}

func (f *fakeSocial) AddComment(_ context.Context, n postgres.NewComment) (int64, postgres.Where, error) {
	f.comments = append(f.comments, n)
	return int64(len(f.comments)), at, f.post(n.PostID)
}

func (f *fakeSocial) Comments(_ context.Context, seen postgres.LSN, post int64) ([]postgres.Comment, postgres.Where, error) {
	f.seen = seen
	return nil, at, f.post(post)
}

func (f *fakeSocial) SetLike(_ context.Context, post, user int64, likes bool) (postgres.Where, error) {
	f.likes[user] = likes
	return at, f.post(post)
}

func (f *fakeSocial) Counts(context.Context, postgres.LSN, []int64) (map[int64]postgres.Count, postgres.Where, error) {
	return map[int64]postgres.Count{1: {Likes: 3, Comments: 4}}, at, f.err
}

func (f *fakeSocial) Leaderboard(context.Context, postgres.LSN) ([]postgres.Leader, postgres.Where, error) {
	all := make([]postgres.Leader, 20)
	for i := range all {
		all[i] = postgres.Leader{UserID: int64(i + 1), User: fmt.Sprint("user-", i+1), Likes: int64(100 - i)}
	}
	return all, at, f.err
}

func socialServer(t *testing.T) (*Server, *fakeSocial) {
	t.Helper()
	s, f := newServer(t, &fakeStore{}, &fakeRoutes{}), &fakeSocial{likes: map[int64]bool{}}
	s.withSocial(f)
	return s, f
}

func TestSocialHandlers(t *testing.T) {
	s, f := socialServer(t)
	auth := bearer(t, s)
	for _, c := range []struct {
		name, method, path, body string
		header                   []string
		code                     int
		contains                 string
	}{
		{"comment", "POST", "/posts/5/comments", `{"text":"well seen"}`, []string{"Authorization", auth, "X-Op-Id", "7"}, 201, `{"id":1,"op_id":7}`},
		{"comment by nobody", "POST", "/posts/5/comments", `{"text":"x"}`, nil, 401, "log in"},
		{"comment of nothing", "POST", "/posts/5/comments", `{"text":""}`, []string{"Authorization", auth}, 400, "1 to 2000"},
		{"too long a comment", "POST", "/posts/5/comments", `{"text":"` + strings.Repeat("x", 2001) + `"}`, []string{"Authorization", auth}, 400, "1 to 2000"},
		{"comment on no post", "POST", "/posts/6/comments", `{"text":"x"}`, []string{"Authorization", auth}, 404, "no such"},
		{"comments", "GET", "/posts/5/comments", "", []string{seenHeader, "0/10"}, 200, `{"comments":[]}`},
		{"comments of no post", "GET", "/posts/6/comments", "", nil, 404, "no such"},
		{"like", "POST", "/posts/5/likes", "", []string{"Authorization", auth}, 200, `{"liked":true}`},
		{"like by nobody", "POST", "/posts/5/likes", "", nil, 401, "log in"},
		{"like of no number", "POST", "/posts/x/likes", "", []string{"Authorization", auth}, 400, "number"},
		{"leaderboard", "GET", "/leaderboard?n=2", "", nil, 200, `{"authors":[{"user_id":1,"user":"user-1","likes":100},{"user_id":2,"user":"user-2","likes":99}]}`},
		{"too long a leaderboard", "GET", "/leaderboard?n=101", "", nil, 400, "1 to 100"},
	} {
		w := do(s, c.method, c.path, c.body, c.header...)
		if w.Code != c.code || !strings.Contains(w.Body.String(), c.contains) {
			t.Errorf("%s: %d %.200s; want %d, %q", c.name, w.Code, w.Body, c.code, c.contains)
		}
	}
	if f.seen != 0 && len(f.comments) != 2 || !f.likes[7] {
		t.Errorf("seen %s, comments %v, likes %v; want two comments, and user 7's like", f.seen, f.comments, f.likes)
	}
	if w := do(s, "DELETE", "/posts/5/likes", "", "Authorization", auth); w.Code != http.StatusOK || f.likes[7] || w.Header().Get(seenHeader) != at.Seen.String() {
		t.Errorf("unlike: %d, likes %v, seen %q", w.Code, f.likes, w.Header().Get(seenHeader))
	}
	if n := strings.Count(do(s, "GET", "/leaderboard", "").Body.String(), "user_id"); n != defaultBoard {
		t.Errorf("the leaderboard has %d authors, want %d", n, defaultBoard)
	}
}

// A page whose counts cannot be had is shown without them.
func TestPageShowsCounts(t *testing.T) {
	s, f := socialServer(t)
	if w := do(s, "GET", "/", ""); !strings.Contains(w.Body.String(), "3 likes, 4 comments") {
		t.Errorf("the page has no counts: %s", w.Body)
	}
	f.err = postgres.ErrNoNode
	if w := do(s, "GET", "/", ""); w.Code != 200 || !strings.Contains(w.Body.String(), "&lt;b&gt;eve") {
		t.Errorf("without counts: %d %s", w.Code, w.Body)
	}
}

func TestSocialErrorsSayWhetherTheyHadAnEffect(t *testing.T) {
	s, f := socialServer(t)
	f.err = fmt.Errorf("write: %w", postgres.ErrNoEffect)
	auth := bearer(t, s)
	for path, body := range map[string]string{"/posts/5/comments": `{"text":"x"}`, "/posts/5/likes": ""} {
		if w := do(s, "POST", path, body, "Authorization", auth); w.Code != 503 || w.Header().Get("X-Effect") != "none" || w.Header().Get("Retry-After") == "" {
			t.Errorf("%s: %d %v; want 503 without effect", path, w.Code, w.Header())
		}
	}
}
