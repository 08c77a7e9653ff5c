package web

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"gauntlet/targetapp/activity"
)

// fakeActivity is a log that takes each op once.
type fakeActivity struct {
	ops   []string
	notes []string
	err   error
}

func (f *fakeActivity) Append(_ context.Context, n activity.New) (string, error) {
	f.ops = append(f.ops, n.Op)
	return fmt.Sprintf("b.1-%d", len(f.ops)), f.err
}

func (f *fakeActivity) Newest(_ context.Context, n int) ([]activity.Entry, error) {
	return []activity.Entry{{ID: fmt.Sprint("b.1-", n)}}, f.err
}

func (f *fakeActivity) Digest(context.Context) (activity.Digest, error) {
	return activity.Digest{Region: "b", Entries: 2, Sum: "00"}, f.err
}

func (f *fakeActivity) Region() string { return "b" }

func (f *fakeActivity) Note(user int64, action, ref string) {
	f.notes = append(f.notes, fmt.Sprintf("%d %s %s", user, action, ref))
}

func TestActivity(t *testing.T) {
	s, _ := socialServer(t)
	f := &fakeActivity{}
	s.withActivity(f, f)
	auth := []string{"Authorization", bearer(t, s), "X-Op-Id", "4"}
	for _, c := range []struct {
		name, method, path, body string
		header                   []string
		code                     int
		contains                 string
	}{
		{"append", "POST", "/activity", `{"action":"view","ref":"5"}`, auth, 201, `{"id":"b.1-1"}`},
		{"by nobody", "POST", "/activity", `{"action":"view"}`, nil, 401, "log in"},
		{"no action", "POST", "/activity", `{"action":"Look!"}`, auth, 400, "small letters"},
		{"too long a ref", "POST", "/activity", `{"action":"view","ref":"` + strings.Repeat("x", 101) + `"}`, auth, 400, "100"},
		{"read", "GET", "/activity", "", nil, 200, `"entries":[{"id":"b.1-50"`},
		{"read more", "GET", "/activity?n=500", "", nil, 200, `b.1-500`},
		{"read too much", "GET", "/activity?n=501", "", nil, 400, "1 to 500"},
		{"digest", "GET", "/activity/digest", "", nil, 200, `"entries":2,"sum":"00"`},
	} {
		if w := do(s, c.method, c.path, c.body, c.header...); w.Code != c.code || !strings.Contains(w.Body.String(), c.contains) {
			t.Errorf("%s: %d %.200s; want %d, %q", c.name, w.Code, w.Body, c.code, c.contains)
		}
	}
	if len(f.ops) != 1 || f.ops[0] != "7:4" {
		t.Errorf("ops %q, want that of user 7's request 4", f.ops)
	}
	f.err = activity.ErrStore
	if w := do(s, "POST", "/activity", `{"action":"view"}`, auth...); w.Code != 504 || w.Header().Get("X-Effect") != "" {
		t.Errorf("append without a store: %d, effect %q; want 504, unknown", w.Code, w.Header().Get("X-Effect"))
	}
	for _, path := range []string{"/activity", "/activity/digest"} {
		if w := do(s, "GET", path, ""); w.Code != 503 || w.Header().Get("Retry-After") == "" {
			t.Errorf("%s without a store: %d", path, w.Code)
		}
	}
}

// What users do is noted when it was done, and only then.
func TestActionsAreNoted(t *testing.T) {
	s, social := socialServer(t)
	f := &fakeActivity{}
	s.withActivity(f, f)
	auth := []string{"Authorization", bearer(t, s)}
	do(s, "POST", "/posts", `{"text":"a"}`, auth...)
	do(s, "POST", "/posts/5/comments", `{"text":"a"}`, auth...)
	do(s, "POST", "/posts/5/likes", "", auth...)
	do(s, "DELETE", "/posts/5/likes", "", auth...)
	do(s, "POST", "/signup", `{"name":"n","password":"p"}`)
	social.err = fmt.Errorf("no")
	do(s, "POST", "/posts/5/likes", "", auth...)
	do(s, "POST", "/login", `{"user":7,"password":"wrong"}`)
	want := "7 post 9, 7 comment 5, 7 like 5, 7 unlike 5, 1000000 signup "
	if got := strings.Join(f.notes, ", "); got != want {
		t.Errorf("noted %q, want %q", got, want)
	}
}

func TestReadStores(t *testing.T) {
	env := map[string]string{"APP_NAME": "web1", "APP_DATABASES": "db1=h:1", "APP_JOBS": "true", "APP_FEED_STORE": "f1:1,f2:1", "APP_REGION": "a", "APP_ACTIVITY": "h:2"}
	c, err := ReadConfig(func(k string) string { return env[k] })
	if err != nil || len(c.Feed) != 2 || c.Region != "a" || c.Activity != "h:2" {
		t.Errorf("got %+v, %v", c.Stores, err)
	}
	env["APP_JOBS"], env["APP_FEED_STORE"], env["APP_REGION"] = "", "f1:1", "A"
	_, err = ReadConfig(func(k string) string { return env[k] })
	for _, want := range []string{"APP_JOBS", "APP_REGION"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v does not name %s", err, want)
		}
	}
}
