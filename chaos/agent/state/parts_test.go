package state

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"gauntlet/chaos"
)

func TestComplete(t *testing.T) {
	type s = chaos.StateChange
	for _, c := range []struct {
		name string
		in   s
		want s
		err  string
	}{
		{"unknown kind", s{Kind: "melt"}, s{}, "unknown kind"},
		{"kind of another server", s{Kind: flushKind, Server: postgres}, s{}, "works on [redis]"},
		{"no queue", s{Kind: poisonKind, Server: rabbitmq}, s{}, "no queue"},
		{"no table", s{Kind: lockKind, Server: postgres}, s{}, "no table"},
		{"no delay", s{Kind: slowReplayKind, Server: postgres}, s{}, "delay"},
		{"negative", s{Kind: exhaustKind, Server: postgres, Count: -1}, s{}, "below 0"},
		{"too many", s{Kind: exhaustKind, Server: redisKV, Count: maxConns + 1}, s{}, "above"},
		{"no limit", s{Kind: exhaustKind, Server: rabbitmq}, s{}, "name a count"},
		{"usual names", s{Kind: poisonKind, Server: rabbitmq, Queue: "q"},
			s{Kind: poisonKind, Server: rabbitmq, Queue: "q", Port: 5672, User: "guest", Password: "guest", Database: "/", Count: 1}, ""},
		{"database of the user", s{Kind: lockKind, Server: postgres, User: "app", Table: "t"},
			s{Kind: lockKind, Server: postgres, User: "app", Table: "t", Port: 5432, Database: "app"}, ""},
		{"named port", s{Kind: flushKind, Server: redisKV, Port: 7000}, s{Kind: flushKind, Server: redisKV, Port: 7000}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := complete(c.in)
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Errorf("error %v, want %q", err, c.err)
				}
			} else if err != nil || got != c.want {
				t.Errorf("got %+v, %v, want %+v", got, err, c.want)
			}
		})
	}
}

func TestWorkerRefusesOtherOperations(t *testing.T) {
	w := New()
	if _, err := w.Apply(t.Context(), "x", chaos.Op{Verb: chaos.VerbNet}); err == nil {
		t.Error("a net rule was applied")
	}
	if err := w.Check(t.Context(), "x"); !errors.Is(err, chaos.ErrEndedEarly) {
		t.Errorf("check of an unknown id: %v, want ErrEndedEarly", err)
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
}

func TestCountKeys(t *testing.T) {
	if n, err := countKeys("# Keyspace\r\ndb0:keys=12,expires=3,avg_ttl=0\r\ndb7:keys=30,expires=0,avg_ttl=0\r\n"); n != 42 || err != nil {
		t.Errorf("%d, %v, want 42", n, err)
	}
	if _, err := countKeys("db0:keys=many,expires=0"); err == nil {
		t.Error("many is a number")
	}
}

func TestHolderNameFitsTheServer(t *testing.T) {
	if got := holderName(lockKind, "step-1/db-1"); got != "gauntlet lock step-1/db-1" {
		t.Error(got)
	}
	seen := map[string]bool{}
	for _, id := range []string{strings.Repeat("long", 20), strings.Repeat("long", 21), "tab\tand ü"} {
		got := holderName(exhaustKind, id)
		if len(got) > 63 || seen[got] || strings.Contains(got, "\t") {
			t.Errorf("name %q of %q", got, id)
		}
		seen[got] = true
	}
}

func TestPast(t *testing.T) {
	start := time.Unix(1000, 0)
	after := func(s int) time.Time { return start.Add(time.Duration(s) * time.Second) }
	var p past
	if _, known := p.at(after(0)); known {
		t.Error("an empty past knows something")
	}
	for s, at := range []int64{100, 100, 150, 150, 300} {
		p.add(after(s), at)
	}
	for _, c := range []struct {
		at    int
		want  int64
		known bool
	}{{-1, 0, false}, {0, 100, true}, {1, 100, true}, {2, 150, true}, {3, 150, true}, {9, 300, true}} {
		if got, known := p.at(after(c.at)); got != c.want || known != c.known {
			t.Errorf("after %d s: %d, %v, want %d, %v", c.at, got, known, c.want, c.known)
		}
	}
	if len(p.moments) != 1 {
		t.Errorf("%d moments are kept, want 1", len(p.moments))
	}
}

func TestLSN(t *testing.T) {
	if got := lsn(0x1234567890); got != "12/34567890" {
		t.Error(got)
	}
}

func TestUntil(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, began := 0, time.Now()
		err := until(t.Context(), time.Second, func(context.Context) error { n++; return io.EOF })
		if !errors.Is(err, io.EOF) || time.Since(began) != time.Second || n < 20 {
			t.Errorf("%v after %s and %d tries", err, time.Since(began), n)
		}
		n = 0
		if err := until(t.Context(), time.Second, func(context.Context) error { n++; return final{io.EOF} }); !errors.Is(err, io.EOF) || n != 1 {
			t.Errorf("%v after %d tries of a final error", err, n)
		}
	})
}

// fakePool is a server with so many connections.
type fakePool struct {
	mu       sync.Mutex
	free     int
	away     bool
	released int
	made     []*fakeHolding
}

type fakeHolding struct {
	p    *fakePool
	dead bool
}

func (p *fakePool) open(context.Context) (holding, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.away {
		return nil, io.ErrUnexpectedEOF
	}
	if p.free == 0 {
		return nil, refused{errors.New("no more slots")}
	}
	p.free--
	h := &fakeHolding{p: p}
	p.made = append(p.made, h)
	return h, nil
}

func (p *fakePool) close()                        {}
func (p *fakePool) release(context.Context) error { p.released++; return nil }

func (h *fakeHolding) ping(context.Context) error {
	h.p.mu.Lock()
	defer h.p.mu.Unlock()
	if h.dead {
		return io.EOF
	}
	return nil
}

func (h *fakeHolding) close(context.Context) {
	h.p.mu.Lock()
	defer h.p.mu.Unlock()
	if !h.dead {
		h.p.free++
	}
	h.dead = true
}

// kill cuts all connections; the slots are free again.
func (p *fakePool) kill() {
	for _, h := range p.made {
		h.close(context.Background())
	}
}

func (p *fakePool) left() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.free
}

func TestExhaustTakesAllAndGivesThemBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &fakePool{free: 37}
		e := &exhaust{s: chaos.StateChange{Server: postgres}, pool: p}
		proof, err := e.apply(t.Context())
		if err != nil || proof != "postgres: 37 connections held, then the server refused: no more slots" {
			t.Fatalf("%q, %v", proof, err)
		}
		p.mu.Lock()
		p.free += 2 // somebody lets go
		p.mu.Unlock()
		time.Sleep(time.Second)
		if n := p.left(); n != 0 {
			t.Errorf("%d slots are free after a second, want 0", n)
		}
		p.kill()
		time.Sleep(time.Minute)
		if n := p.left(); n != 0 {
			t.Errorf("%d slots are free after a minute, want 0", n)
		}
		if err := e.check(t.Context()); err != nil {
			t.Error(err)
		}
		if err := e.clear(t.Context()); err != nil || p.left() != 39 || p.released != 1 {
			t.Errorf("clear: %v, %d slots free, released %d times", err, p.left(), p.released)
		}
		if err := e.check(t.Context()); err == nil {
			t.Error("it holds after clear")
		}
	})
}

func TestExhaustCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &fakePool{free: 50}
		e := &exhaust{s: chaos.StateChange{Server: redisKV, Count: 11}, pool: p}
		if proof, err := e.apply(t.Context()); err != nil || proof != "redis: 11 connections held, as many as were asked for" {
			t.Fatalf("%q, %v", proof, err)
		}
		time.Sleep(time.Second)
		if n := p.left(); n != 39 {
			t.Errorf("%d slots are free, want 39", n)
		}
		if err := e.clear(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestExhaustOfAServerThatGoesAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &fakePool{free: 3, away: true}
		e := &exhaust{s: chaos.StateChange{Server: postgres}, pool: p}
		if _, err := e.apply(t.Context()); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("a server that is away: %v", err)
		}
		p.away = false
		if _, err := e.apply(t.Context()); err != nil {
			t.Fatal(err)
		}
		p.mu.Lock()
		p.away = true
		p.mu.Unlock()
		p.kill()
		time.Sleep(time.Minute)
		if err := e.check(t.Context()); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("check: %v", err)
		}
		p.mu.Lock()
		p.away = false
		p.mu.Unlock()
		time.Sleep(time.Second)
		if err := e.check(t.Context()); err != nil {
			t.Errorf("check when it is back: %v", err)
		}
		if err := e.clear(t.Context()); err != nil || p.left() != 3 {
			t.Errorf("clear: %v, %d slots free", err, p.left())
		}
	})
}

// A server that gives nobody a connection is not exhausted by us.
func TestExhaustOfNothing(t *testing.T) {
	e := &exhaust{s: chaos.StateChange{Server: postgres}, pool: &fakePool{}}
	if _, err := e.apply(t.Context()); !errors.Is(err, chaos.ErrWrongState) || !strings.Contains(err.Error(), "no more slots") {
		t.Error(err)
	}
}
