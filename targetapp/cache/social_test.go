package cache

import (
	"context"
	"testing"
	"testing/synctest"

	"gauntlet/targetapp/postgres"
)

// fakeSocial has one comment more, and one like more, each time that it is asked.
type fakeSocial struct {
	SocialSource
	at    postgres.LSN
	asked int64
}

func (f *fakeSocial) write() (postgres.Where, error) {
	f.at += 10
	return postgres.Where{Node: "db1", Seen: f.at}, nil
}

func (f *fakeSocial) AddComment(context.Context, postgres.NewComment) (int64, postgres.Where, error) {
	at, err := f.write()
	return 1, at, err
}

func (f *fakeSocial) SetLike(context.Context, int64, int64, bool) (postgres.Where, error) {
	return f.write()
}

func (f *fakeSocial) Comments(context.Context, postgres.LSN, int64) ([]postgres.Comment, postgres.Where, error) {
	f.asked++
	return []postgres.Comment{{ID: f.asked}}, postgres.Where{Node: "db1", Seen: f.at + 1}, nil
}

func (f *fakeSocial) Leaderboard(context.Context, postgres.LSN) ([]postgres.Leader, postgres.Where, error) {
	f.asked++
	return []postgres.Leader{{Likes: f.asked}}, postgres.Where{Node: "db1", Seen: f.at + 1}, nil
}

// Who has commented or liked sees it; to others the old entry is shown once more while a new one is fetched.
func TestSocialAside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := &fakeSocial{at: 100}
		s := New(nil, newFakeNodes(), false)
		defer s.Close()
		c := Social{db, s}
		comments := func(seen postgres.LSN) int64 {
			all, _, err := c.Comments(t.Context(), seen, 5)
			if err != nil || len(all) != 1 {
				t.Fatal(all, err)
			}
			return all[0].ID
		}
		if a, b := comments(0), comments(0); a != 1 || b != 1 {
			t.Errorf("read %d, then %d; want the second from the cache", a, b)
		}
		_, at, err := c.AddComment(t.Context(), postgres.NewComment{PostID: 5})
		if got := comments(at.Seen); err != nil || got != 2 {
			t.Errorf("the commenter reads fetch %d, %v; want 2", got, err)
		}
		if _, _, err := c.Leaderboard(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
		at, err = c.SetLike(t.Context(), 5, 7, true)
		if board, _, e := c.Leaderboard(t.Context(), at.Seen); err != nil || e != nil || board[0].Likes != 4 {
			t.Errorf("who liked reads %v, %v, %v; want fetch 4", board, err, e)
		}
		synctest.Wait()
	})
}
