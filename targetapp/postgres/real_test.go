package postgres_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"reflect"
	"testing"
	"time"

	"gauntlet/chaos/agent/state/statetest"
	"gauntlet/targetapp/postgres"
	"gauntlet/targetapp/seed"

	"github.com/jackc/pgx/v5"
)

var long = flag.Bool("long", false, "test the statements on a real PostgreSQL, from the image of the reference topologies")

// realStore is a seeded primary with a replica; stop ends its router.
func realStore(t *testing.T) *postgres.Store {
	t.Helper()
	s, _ := realPair(t)
	return s
}

// realPair also tells where each of the two databases is.
func realPair(t *testing.T) (*postgres.Store, []postgres.Member) {
	t.Helper()
	if !*long {
		t.Skip("without -long: not tested on a real PostgreSQL")
	}
	statetest.NeedDocker(t)
	c := statetest.PostgresPair(t, "gauntlet/postgres:latest")
	text := fmt.Sprintf("db1=127.0.0.1:%d,db2=127.0.0.1:%d", c.Ports[5432], c.Ports[5433])
	env := map[string]string{"APP_DATABASES": text, "APP_USERS": "9", "APP_POSTS": "9"}
	if err := seed.Run(t.Context(), func(k string) string { return env[k] }, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	members, err := postgres.ParseMembers(text)
	if err != nil {
		t.Fatal(err)
	}
	r, err := postgres.Open(members, "test", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		r.Close()
	})
	statetest.Eventually(t, 30*time.Second, "a primary and a replica", func(context.Context) error {
		if rt := r.Route(); rt.Primary == "" || len(rt.Replicas) != 1 {
			return fmt.Errorf("%+v", rt)
		}
		return nil
	})
	return &postgres.Store{Router: r, App: "test", Idempotent: true, Jobs: true, Derived: true}, members
}

// kinds counts the jobs in the outbox.
func kinds(t *testing.T, s *postgres.Store) map[string]int {
	t.Helper()
	jobs, err := (&postgres.Outbox{Router: s.Router, App: "test", Idempotent: true}).Take(t.Context(), 100)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]int{}
	for _, j := range jobs {
		out[j.Kind]++
	}
	return out
}

func TestSocialOnARealPostgres(t *testing.T) {
	s := realStore(t)
	op := int64(4)
	first, at, err := s.AddComment(t.Context(), postgres.NewComment{PostID: 3, UserID: 2, Text: "well seen", OpID: &op})
	if err != nil {
		t.Fatal(err)
	}
	again, _, err := s.AddComment(t.Context(), postgres.NewComment{PostID: 3, UserID: 2, Text: "well seen", OpID: &op})
	if err != nil || again != first {
		t.Errorf("a repeated comment is %d, %v; want %d", again, err, first)
	}
	all, _, err := s.Comments(t.Context(), at.Seen, 3)
	if err != nil || len(all) != 1 || all[0].User != "user-2" || all[0].Text != "well seen" {
		t.Errorf("comments %+v, %v", all, err)
	}
	for range 2 { // post 3 is by user 4: see package seed
		if at, err = s.SetLike(t.Context(), 3, 7, true); err != nil {
			t.Fatal(err)
		}
	}
	if at, err = s.SetLike(t.Context(), 3, 8, true); err != nil {
		t.Fatal(err)
	}
	board, _, err := s.Leaderboard(t.Context(), at.Seen)
	if want := []postgres.Leader{{UserID: 4, User: "user-4", Likes: 2}}; err != nil || !reflect.DeepEqual(board, want) {
		t.Errorf("leaderboard %+v, %v; want %+v: two likes of one user are one", board, err, want)
	}
	for range 2 {
		if at, err = s.SetLike(t.Context(), 3, 7, false); err != nil {
			t.Fatal(err)
		}
	}
	counts, _, err := s.Counts(t.Context(), at.Seen, []int64{3, 4})
	if want := map[int64]postgres.Count{3: {Likes: 1, Comments: 1}, 4: {}}; err != nil || !reflect.DeepEqual(counts, want) {
		t.Errorf("counts %+v, %v; want %+v", counts, err, want)
	}
	if _, _, err := s.AddPost(t.Context(), postgres.NewPost{UserID: 1, Text: "new", OpID: &op}); err != nil {
		t.Fatal(err)
	}
	want := map[string]int{"comment": 1, "leaderboard": 3, "post": 1, "feed": 1}
	if got := kinds(t, s); !reflect.DeepEqual(got, want) {
		t.Errorf("jobs %v, want %v: repetitions make none", got, want)
	}
}

func TestSocialOfNoPostOnARealPostgres(t *testing.T) {
	s := realStore(t)
	op := int64(9)
	_, _, err1 := s.AddComment(t.Context(), postgres.NewComment{PostID: 99, UserID: 1, Text: "x", OpID: &op})
	_, _, err2 := s.Comments(t.Context(), 0, 99)
	_, err3 := s.SetLike(t.Context(), 99, 1, true)
	_, err4 := s.SetLike(t.Context(), 99, 1, false)
	for i, err := range []error{err1, err2, err3, err4} {
		if !errors.Is(err, postgres.ErrNotFound) {
			t.Errorf("call %d: %v, want ErrNotFound", i+1, err)
		}
	}
	if got := kinds(t, s); len(got) > 0 {
		t.Errorf("jobs %v, want none", got)
	}
	if all, _, err := s.Comments(t.Context(), 0, 1); err != nil || len(all) > 0 {
		t.Errorf("comments of a post that has none: %v, %v", all, err)
	}
}

// What derived stores are made from, and that versions grow.
func TestOriginOnARealPostgres(t *testing.T) {
	s := realStore(t)
	o := postgres.Origin{Router: s.Router}
	_, before, err := o.Newest(t.Context(), 5)
	if err != nil {
		t.Fatal(err)
	}
	at, err := s.SetLike(t.Context(), 4, 9, true) // post 4 is by user 5
	if err != nil {
		t.Fatal(err)
	}
	l, v, err := o.Author(t.Context(), 5)
	if err != nil || l.User != "user-5" || l.Likes != 1 || v <= before || before.Shows(at.Seen) {
		t.Errorf("author %+v at %q after %q, %v; want user-5 with one like, later", l, v, before, err)
	}
	if all, _, err := o.Authors(t.Context()); err != nil || len(all) != 1 || all[0] != l {
		t.Errorf("authors %+v, %v; want only %+v", all, err, l)
	}
	posts, _, err1 := o.Newest(t.Context(), 5)
	p, err2 := o.Post(t.Context(), posts[0].ID)
	if err1 != nil || err2 != nil || len(posts) != 5 || posts[0] != p || p.ID != 9 {
		t.Errorf("newest %+v, post %+v, %v %v; want 9 to 5", posts, p, err1, err2)
	}
	if _, err := o.Post(t.Context(), 99); !errors.Is(err, postgres.ErrNotFound) {
		t.Errorf("no post: %v, want ErrNotFound", err)
	}
}

// A job that is kept stays in the outbox after the broker has it, without being counted or taken, comes again when it has had no effect
// for long, and leaves with its effect.
func TestKeptJobsOnARealPostgres(t *testing.T) {
	s, members := realPair(t)
	o := &postgres.Outbox{Router: s.Router, App: "test", Idempotent: true, Keep: true}
	if err := o.AddJob(t.Context(), "signup", "kept"); err != nil {
		t.Fatal(err)
	}
	taken := take(t, o, 1)
	if err := o.HandedOver(t.Context(), []int64{taken[0].ID}); err != nil {
		t.Fatal(err)
	}
	if n, err := o.Waiting(t.Context()); err != nil || n != 0 {
		t.Errorf("%d wait, %v; want 0: the broker has it", n, err)
	}
	take(t, o, 0)
	age(t, members[0], "sent")
	again := take(t, o, 1)
	if again[0].ID != taken[0].ID {
		t.Errorf("job %d came again, want %d", again[0].ID, taken[0].ID)
	}
	take(t, o, 0)
	for _, want := range []bool{true, false} {
		if first, err := o.Record(t.Context(), again[0]); err != nil || first != want {
			t.Errorf("recorded: first %v, %v; want %v", first, err, want)
		}
	}
	age(t, members[0], "taken")
	take(t, o, 0)
}

// take takes jobs and checks how many there were.
func take(t *testing.T, o *postgres.Outbox, want int) []postgres.Job {
	t.Helper()
	jobs, err := o.Take(t.Context(), 100)
	if err != nil || len(jobs) != want {
		t.Fatalf("took %d jobs, %v; want %d", len(jobs), err, want)
	}
	return jobs
}

// age makes what happened to all jobs in the outbox older by a minute.
func age(t *testing.T, primary postgres.Member, column string) {
	t.Helper()
	c, err := pgx.Connect(t.Context(), "postgres://postgres@"+primary.Addr+"/app?sslmode=disable")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(t.Context())
	if _, err := c.Exec(t.Context(), "update outbox set "+column+" = "+column+" - interval '1 minute'"); err != nil {
		t.Fatal(err)
	}
}
