package web

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"gauntlet/targetapp/postgres"
)

// fakeRegisters is one register that remembers what it was asked for.
type fakeRegisters struct {
	value   int64
	seen    postgres.LSN
	current bool
	err     error
}

func (f *fakeRegisters) SetRegister(_ context.Context, _, value int64) (postgres.Where, error) {
	f.value = value
	return postgres.Where{Node: "db1", Seen: 5}, f.err
}

func (f *fakeRegisters) Register(_ context.Context, seen postgres.LSN, _ int64) (int64, postgres.Where, error) {
	f.seen, f.current = seen, false
	return f.value, postgres.Where{Node: "db2", Saw: 7}, f.err
}

func (f *fakeRegisters) CurrentRegister(context.Context, int64) (int64, postgres.Where, error) {
	f.current = true
	return f.value, postgres.Where{Node: "db1"}, f.err
}

func TestRegisters(t *testing.T) {
	f := &fakeRegisters{}
	s := newServer(t, &fakeStore{}, &fakeRoutes{})
	s.withRegisters(f)
	w := do(s, http.MethodPut, "/registers/3", `{"value":42}`)
	if w.Code != http.StatusOK || f.value != 42 || w.Header().Get(seenHeader) != "0/5" {
		t.Errorf("set: %d, %d kept, session %q", w.Code, f.value, w.Header().Get(seenHeader))
	}
	w = do(s, http.MethodGet, "/registers/3", "", seenHeader, "0/6")
	if w.Code != http.StatusOK || f.seen != 6 || f.current || w.Header().Get(seenHeader) != "0/7" || !strings.Contains(w.Body.String(), `"value":42`) {
		t.Errorf("read: %d, asked for %v, session %q, body %s", w.Code, f.seen, w.Header().Get(seenHeader), w.Body)
	}
	if w = do(s, http.MethodGet, "/registers/3?current=1", ""); w.Code != http.StatusOK || !f.current {
		t.Errorf("current: %d, asked the primary %v", w.Code, f.current)
	}
	if w = do(s, http.MethodGet, "/registers/x", ""); w.Code != http.StatusBadRequest {
		t.Errorf("a key that is no number: %d", w.Code)
	}
	for err, code := range map[error]int{postgres.ErrNotFound: 404, postgres.ErrNoEffect: 503, context.DeadlineExceeded: 504} {
		f.err = err
		if w = do(s, http.MethodGet, "/registers/3", ""); w.Code != code {
			t.Errorf("%v: %d, want %d", err, w.Code, code)
		}
	}
}
