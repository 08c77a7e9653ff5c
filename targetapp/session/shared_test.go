package session

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gauntlet/targetapp/token"

	"github.com/redis/go-redis/v9"
)

// fakeRedis answers GET, SET and WAIT from memory; err, if set, is all that it says.
type fakeRedis struct {
	redis.UniversalClient
	values map[string]int64
	err    error
}

func (f *fakeRedis) Get(ctx context.Context, key string) *redis.StringCmd {
	cmd := redis.NewStringCmd(ctx, "get", key)
	switch v, ok := f.values[key]; {
	case f.err != nil:
		cmd.SetErr(f.err)
	case !ok:
		cmd.SetErr(redis.Nil)
	default:
		cmd.SetVal(string(rune('0' + v)))
	}
	return cmd
}

func (f *fakeRedis) Pipelined(_ context.Context, fill func(redis.Pipeliner) error) ([]redis.Cmder, error) {
	p := &fakePipe{f: f}
	if err := fill(p); err != nil {
		return nil, err
	}
	return nil, f.err
}

type fakePipe struct {
	redis.Pipeliner
	f *fakeRedis
}

func (p *fakePipe) Set(ctx context.Context, key string, v any, _ time.Duration) *redis.StatusCmd {
	if p.f.err == nil {
		p.f.values[key] = v.(int64)
	}
	return redis.NewStatusCmd(ctx)
}

func (p *fakePipe) Do(ctx context.Context, args ...any) *redis.Cmd { return redis.NewCmd(ctx, args...) }

func TestShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &fakeRedis{values: map[string]int64{}}
		web1, web2 := newShared(store), newShared(store)
		tok, err := web1.Open(t.Context(), 7)
		if err != nil {
			t.Fatal(err)
		}
		if user, err := web2.User(t.Context(), tok); err != nil || user != 7 {
			t.Errorf("at another node: %d, %v; want 7", user, err)
		}
		if _, err := web2.User(t.Context(), "made up"); !errors.Is(err, ErrInvalid) {
			t.Errorf("a token that nobody gave: %v, want ErrInvalid", err)
		}
		store.err = errors.New("READONLY")
		if user, err := web2.User(t.Context(), tok); err != nil || user != 7 {
			t.Errorf("in a failover: %d, %v; want 7, who was here just now", user, err)
		}
		if _, err := newShared(store).User(t.Context(), tok); !errors.Is(err, ErrStore) || errors.Is(err, ErrInvalid) {
			t.Errorf("in a failover, at a node that never saw the session: %v, want ErrStore", err)
		}
		if _, err := web1.Open(t.Context(), 8); !errors.Is(err, ErrStore) {
			t.Errorf("login in a failover: %v, want ErrStore", err)
		}
		time.Sleep(recent + time.Second)
		if _, err := web2.User(t.Context(), tok); !errors.Is(err, ErrStore) {
			t.Errorf("a silence of more than a minute: %v, want ErrStore", err)
		}
	})
}

// A session that the store has lost is not kept alive by a node's memory.
func TestSharedBelievesTheStore(t *testing.T) {
	store := &fakeRedis{values: map[string]int64{}}
	s := newShared(store)
	tok, err := s.Open(t.Context(), 7)
	if err != nil {
		t.Fatal(err)
	}
	clear(store.values)
	if _, err := s.User(t.Context(), tok); !errors.Is(err, ErrInvalid) {
		t.Errorf("a session that the store does not have: %v, want ErrInvalid", err)
	}
	store.err = errors.New("silent")
	if _, err := s.User(t.Context(), tok); !errors.Is(err, ErrStore) {
		t.Errorf("then in silence: %v, want ErrStore", err)
	}
}

// A region's own sessions are those that its store knows; those of another region are known by their signature.
func TestRegional(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		signer, err := token.NewSigner("0123456789abcdef")
		if err != nil {
			t.Fatal(err)
		}
		storeA, storeB := &fakeRedis{values: map[string]int64{}}, &fakeRedis{values: map[string]int64{}}
		a, b := Regional{"a", newShared(storeA), signer}, Regional{"b", newShared(storeB), signer}
		tok, err := a.Open(t.Context(), 7)
		if err != nil {
			t.Fatal(err)
		}
		storeA.err = errors.New("the region is gone")
		if user, err := b.User(t.Context(), tok); err != nil || user != 7 {
			t.Errorf("in the other region: %d, %v; want 7", user, err)
		}
		if _, err := a.Open(t.Context(), 8); !errors.Is(err, ErrStore) {
			t.Errorf("login without a store: %v, want ErrStore", err)
		}
		storeA.err = nil
		if user, err := a.User(t.Context(), tok); err != nil || user != 7 {
			t.Errorf("at home: %d, %v; want 7", user, err)
		}
		clear(storeA.values)
		if _, err := a.User(t.Context(), tok); !errors.Is(err, ErrInvalid) {
			t.Errorf("a session that its store does not have: %v, want ErrInvalid", err)
		}
		_, signed, _ := strings.Cut(tok, ".")
		for _, made := range []string{"b." + signed, signed, ""} {
			if _, err := a.User(t.Context(), made); !errors.Is(err, ErrInvalid) {
				t.Errorf("token %q that no region gave: %v, want ErrInvalid", made, err)
			}
		}
		time.Sleep(Life + time.Second)
		if _, err := b.User(t.Context(), tok); !errors.Is(err, ErrInvalid) {
			t.Errorf("after its life: %v, want ErrInvalid", err)
		}
	})
}
