package cache

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"gauntlet/targetapp/postgres"
)

// fakeRegister is one register of a database that counts its reads.
type fakeRegister struct {
	value int64
	at    postgres.LSN
	reads int
	err   error
}

func (f *fakeRegister) SetRegister(_ context.Context, _, value int64) (postgres.Where, error) {
	f.value, f.at = value, f.at+10
	return postgres.Where{Node: "db1", Seen: f.at}, f.err
}

func (f *fakeRegister) Register(context.Context, postgres.LSN, int64) (int64, postgres.Where, error) {
	f.reads++
	return f.value, postgres.Where{Node: "db2", Seen: f.at + 1}, f.err
}

func (f *fakeRegister) CurrentRegister(context.Context, int64) (int64, postgres.Where, error) {
	return f.value, postgres.Where{Node: "db1"}, f.err
}

// The writer sees its write through the cache, others may see an old value, and the current one is never cached.
func TestRegistersThroughTheCache(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := &fakeRegister{value: 1, at: 100}
		s := New(nil, newFakeNodes(), false)
		defer s.Close()
		r := Registers{Store: s, Source: db}
		read := func(seen postgres.LSN) int64 {
			v, _, err := r.Register(t.Context(), seen, 7)
			if err != nil {
				t.Fatal(err)
			}
			return v
		}
		for range 2 {
			if got := read(0); got != 1 {
				t.Errorf("read %d, want 1", got)
			}
		}
		if db.reads != 1 {
			t.Errorf("the database was asked %d times for two reads, want once", db.reads)
		}
		db.value, db.at = 2, 110 // written past the cache
		if got := read(0); got != 1 {
			t.Errorf("read %d, want the cached value", got)
		}
		at, err := r.SetRegister(t.Context(), 7, 3)
		if got := read(at.Seen); err != nil || got != 3 {
			t.Errorf("the writer reads %d, %v; want what it wrote", got, err)
		}
		db.value = 4
		if v, _, err := r.CurrentRegister(t.Context(), 7); v != 4 || err != nil {
			t.Errorf("current: %d, %v", v, err)
		}
		time.Sleep(2 * registerFresh)
		read(0) // may be served while it is fetched anew
		s.Close()
		if got := read(0); got != 4 {
			t.Errorf("read %d after its time was over, want 4", got)
		}
	})
}
