package shard

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// etcd is a fake of one key of etcd's v2 API.
type etcd struct {
	mu      sync.Mutex
	index   uint64
	value   string
	set     uint64
	changed chan struct{}
}

func (e *etcd) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.FormValue("wait") == "true" {
		e.wait(r)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	prev, _ := strconv.ParseUint(r.URL.Query().Get("prevIndex"), 10, 64)
	switch {
	case r.Method == http.MethodPut && (r.FormValue("prevExist") == "false" && e.value != "" || prev != 0 && prev != e.set):
		fmt.Fprint(w, `{"errorCode":101,"message":"Compare failed"}`)
		return
	case r.Method == http.MethodPut:
		e.index += 3 // other keys change too
		e.value, e.set = r.FormValue("value"), e.index
		close(e.changed)
		e.changed = make(chan struct{})
	case e.value == "":
		fmt.Fprint(w, `{"errorCode":100,"message":"Key not found"}`)
		return
	}
	w.Header().Set("X-Etcd-Index", strconv.FormatUint(e.index+1, 10))
	fmt.Fprintf(w, `{"node":{"value":%q,"modifiedIndex":%d}}`, e.value, e.set)
}

func (e *etcd) wait(r *http.Request) {
	e.mu.Lock()
	changed := e.changed
	e.mu.Unlock()
	select {
	case <-changed:
	case <-r.Context().Done():
	}
}

func keeper(t *testing.T) (*Keeper, *etcd) {
	e := &etcd{index: 5, changed: make(chan struct{})}
	srv := httptest.NewServer(e)
	t.Cleanup(srv.Close)
	k, err := NewKeeper("127.0.0.1:1," + strings.TrimPrefix(srv.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	return k, e
}

func TestKeeper(t *testing.T) {
	k, _ := keeper(t)
	ctx := t.Context()
	if _, err := k.Load(ctx); !errors.Is(err, ErrNoMap) {
		t.Errorf("before it was made: %v, want ErrNoMap", err)
	}
	m := made(t, Modulo, four)
	first, err := k.Make(ctx, m)
	if err != nil || first.Version != 1 || first.Index == 0 || first.Asked < first.Index {
		t.Fatalf("made %+v, %v", first, err)
	}
	if _, err := k.Make(ctx, m); !errors.Is(err, ErrChanged) {
		t.Errorf("made again: %v, want ErrChanged", err)
	}
	second, err := k.Change(ctx, first, m.With(0, "s2", 0))
	if err != nil || second.Version != 2 {
		t.Errorf("changed: %+v, %v", second, err)
	}
	if _, err := k.Change(ctx, first, m.With(0, "s3", 0)); !errors.Is(err, ErrChanged) {
		t.Errorf("a change of an old map: %v, want ErrChanged", err)
	}
	if got, err := k.Load(ctx); err != nil || got.Owners[0] != "s2" {
		t.Errorf("loaded %s, %v; want s2", got.Owners[0], err)
	}
}

func TestKeeperIsSilent(t *testing.T) {
	k, err := NewKeeper("127.0.0.1:1")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := k.Load(t.Context()); !errors.Is(err, ErrKeeper) {
		t.Errorf("%v, want ErrKeeper", err)
	}
	if _, err := NewKeeper(" "); err == nil || !strings.Contains(err.Error(), "APP_SHARD_MAP") {
		t.Errorf("no nodes: %v", err)
	}
}

// A follower learns of a change without being asked, and asks itself when somebody knows of a newer map.
func TestFollower(t *testing.T) {
	k, _ := keeper(t)
	f := NewFollower(k, slog.New(slog.DiscardHandler))
	if _, ok := f.Now(); ok {
		t.Error("a map is known before there is one")
	}
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { f.Run(ctx) })
	first, err := k.Make(ctx, made(t, Modulo, four))
	if err != nil {
		t.Fatal(err)
	}
	if m, ok := f.After(ctx, 1); !ok || m.Version != 1 {
		t.Errorf("the first map: %d, %v", m.Version, ok)
	}
	if _, err := k.Change(ctx, first, first.With(0, "s2", 0)); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		if m, _ := f.Now(); m.Version == 2 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the change was not noticed")
		}
	}
	soon, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
	defer cancel()
	if _, ok := f.After(soon, 9); ok {
		t.Error("a map that does not exist was found")
	}
	stop()
	running.Wait()
}
