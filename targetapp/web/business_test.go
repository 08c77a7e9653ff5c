package web

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gauntlet/targetapp/postgres"
)

// fakeDaily is the table of users by day, shared by all nodes.
type fakeDaily struct {
	users map[int64]bool
	err   error
	told  []int64
}

func (f *fakeDaily) Came(_ context.Context, users []int64) error {
	if f.err != nil {
		return f.err
	}
	f.told = append(f.told, users...)
	for _, u := range users {
		f.users[u] = true
	}
	return nil
}

func (f *fakeDaily) Today(context.Context) (int64, error) { return int64(len(f.users)), f.err }

func TestDailyUsersAreCountedOnceOverAllNodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, a, b := &fakeDaily{users: map[int64]bool{}}, newBusiness(), newBusiness()
		log := slog.New(slog.DiscardHandler)
		now := time.Now()
		for _, user := range []int64{1, 2, 1} {
			a.came(user, now)
		}
		b.came(2, now)
		b.came(3, now)
		d.err = errors.New("no primary")
		a.exchange(t.Context(), d, log)
		if a.users != 0 || !a.asked.IsZero() {
			t.Error("a number is known although the database did not answer")
		}
		d.err = nil
		a.exchange(t.Context(), d, log)
		b.exchange(t.Context(), d, log)
		a.exchange(t.Context(), d, log)
		if a.users != 3 || b.users != 3 || !slices.Equal(d.told, []int64{1, 2, 2, 3}) {
			t.Errorf("%d and %d users, told %v; want 3, each told once by each node", a.users, b.users, d.told)
		}
		a.came(1, now.Add(24*time.Hour))
		if len(a.fresh) != 1 {
			t.Error("who comes again the next day is not told of")
		}
	})
}

// Who came is told when the node stops, so that a rolling restart loses nobody.
func TestDailyUsersAreToldAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, b := &fakeDaily{users: map[int64]bool{}}, newBusiness()
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { b.run(ctx, d, slog.New(slog.DiscardHandler)); close(done) }()
		b.came(7, time.Now())
		stop()
		<-done
		if !d.users[7] {
			t.Error("the user is lost")
		}
	})
}

func TestBusinessMetrics(t *testing.T) {
	s := newServer(t, &fakeStore{}, &fakeRoutes{postgres.Route{Primary: "db2"}})
	for range 3 {
		do(s, "GET", "/feed", "")
	}
	do(s, "GET", "/", "")
	do(s, "POST", "/signup", `{"name":"n","password":"p"}`)
	do(s, "POST", "/signup", `{"password":"p"}`)
	body := do(s, "GET", "/metrics", "").Body.String()
	for _, want := range []string{"app_page_visits_total 1\n", "app_signups_total 1\n", "app_ad_impressions_total 4\n", "app_revenue_euros_total 0.008\n"} {
		if !strings.Contains(body, want) {
			t.Errorf("no %q in the metrics", want)
		}
	}
	if strings.Contains(body, "app_daily_active_users ") {
		t.Error("the number of users is told although the database was not asked")
	}
	if len(s.business.fresh) != 1 {
		t.Errorf("%d users came, want the one who signed up", len(s.business.fresh))
	}
}
