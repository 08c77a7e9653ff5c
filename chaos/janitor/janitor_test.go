package janitor

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"gauntlet/chaos"
	"gauntlet/chaos/chaostest"
	"gauntlet/chaos/docker"
	"gauntlet/chaos/lease"
)

func TestMain(m *testing.M) { os.Exit(chaostest.Main(m)) }

// house is where janitors of a test work: a fake runtime, and what each of them wrote down.
type house struct {
	*chaostest.Fake
	mu      sync.Mutex
	records []*bytes.Buffer
	lines   []net.Conn // the guard's ends
	broken  error      // of starting one
	wg      sync.WaitGroup
}

func (h *house) Close() error { return nil }

// hire starts a janitor in the house.
func (h *house) hire(context.Context) (line, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.broken != nil {
		return nil, h.broken
	}
	near, far := net.Pipe()
	record := &bytes.Buffer{}
	h.records, h.lines = append(h.records, record), append(h.lines, near)
	h.wg.Go(func() {
		open := func(context.Context, docker.Options) (Runtime, error) { return h, nil }
		_ = Serve(context.Background(), far, open, record, time.Second)
	})
	return piped{near}, nil
}

// piped is a line of tests.
type piped struct{ net.Conn }

func (piped) LastWords() string            { return "" }
func (piped) Remove(context.Context) error { return nil }

// notes are what the last janitor wrote down, when all have ended.
func (h *house) notes(t *testing.T) []string {
	t.Helper()
	h.wg.Wait()
	var out []string
	for text := range strings.Lines(h.records[len(h.records)-1].String()) {
		var n Note
		if err := json.Unmarshal([]byte(text), &n); err != nil {
			t.Fatal(err)
		}
		if n.What != "told" {
			out = append(out, strings.TrimSpace(n.What+" "+n.Report))
		}
	}
	return out
}

func newHouse() *house {
	return &house{Fake: chaostest.NewFake(chaos.Container{Service: "db1"}, chaos.Container{Service: "web1"})}
}

// freeze pauses a container as a Gauntlet does, and returns the undo log's line.
func (h *house) freeze(t *testing.T, g *Guard, name string) chaos.JournalLine {
	t.Helper()
	to := chaos.Target{ID: "id-" + name, Name: name}
	a := chaos.Action{Target: to, Do: chaos.Op{Verb: chaos.VerbPause}, Undo: []chaos.Op{{Verb: chaos.VerbStart}}}
	l := chaos.JournalLine{Intent: &chaos.Intent{ID: "intent-" + name, At: time.Now(), Kind: "pause", Actions: []chaos.Action{a}}}
	if err := g.Record(l); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Do(t.Context(), to, l.Intent.ID, a.Do); err != nil {
		t.Fatal(err)
	}
	return l
}

func (h *house) mustBe(t *testing.T, name string, want chaos.State) {
	t.Helper()
	all, err := h.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range all {
		if c.Name == name && c.State != want {
			t.Errorf("%s is %s, want %s", name, c.State, want)
		}
	}
}

func mustStart(t *testing.T, h *house) *Guard {
	t.Helper()
	g, err := start(t.Context(), h.hire, docker.Options{Project: "p"}, Options{Lease: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func same(got []string, want ...string) bool {
	return strings.Join(got, "|") == strings.Join(want, "|")
}

func TestGoodbye(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse()
		g := mustStart(t, h)
		l := h.freeze(t, g, "db1")
		time.Sleep(5 * time.Minute) // the lease is renewed
		if _, err := h.Do(t.Context(), chaos.Target{ID: "id-db1"}, "", chaos.Op{Verb: chaos.VerbStart}); err != nil {
			t.Fatal(err)
		}
		if err := g.Record(chaos.JournalLine{Done: l.Intent.ID}); err != nil {
			t.Error(err)
		}
		if err := g.Close(); err != nil {
			t.Errorf("Close = %v", err)
		}
		if got := h.notes(t); !same(got, "begun", "goodbye") {
			t.Errorf("record = %q, want begun and goodbye", got)
		}
		if got := g.Lost(); len(got) > 0 {
			t.Errorf("Lost = %q, want nothing", got)
		}
	})
}

// TestGuardVanishes is a Gauntlet that is killed: its end of the line closes.
func TestGuardVanishes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse()
		g := mustStart(t, h)
		h.freeze(t, g, "db1")
		l := h.freeze(t, g, "web1")
		if err := g.Record(chaos.JournalLine{Done: l.Intent.ID}); err != nil {
			t.Error(err)
		}
		g.stop() // nobody is there to replace the janitor
		began := time.Now()
		_ = h.lines[0].Close()
		if got := h.notes(t); !same(got, "begun", "lost", "healed healed: db1") {
			t.Errorf("record = %q, want begun, lost, and db1 healed", got)
		}
		if took := time.Since(began); took > time.Second {
			t.Errorf("took %s, want no wait for the lease", took)
		}
		h.mustBe(t, "db1", chaos.Running)
		_ = g.Close()
	})
}

// TestGuardHangs is a Gauntlet that is stopped: its end of the line is open, but nothing comes.
func TestGuardHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse()
		near, far := net.Pipe()
		defer near.Close()
		record := &bytes.Buffer{}
		var wg sync.WaitGroup
		var err error
		wg.Go(func() {
			open := func(context.Context, docker.Options) (Runtime, error) { return h, nil }
			err = Serve(t.Context(), far, open, record, time.Second)
		})
		say := func(n int, kind string, body any) {
			text, _ := json.Marshal(map[string]any{"n": n, "kind": kind, "body": body})
			_, _ = near.Write(append(text, '\n'))
			_, _ = near.Read(make([]byte, 4096))
		}
		h.Set("id-db1", chaos.Paused)
		a := chaos.Action{Target: chaos.Target{ID: "id-db1", Name: "db1"}, Do: chaos.Op{Verb: chaos.VerbPause}, Undo: []chaos.Op{{Verb: chaos.VerbStart}}}
		say(1, "hello", nil)
		say(2, kindBegin, docker.Options{Project: "p"})
		say(3, kindRecord, chaos.JournalLine{Intent: &chaos.Intent{ID: "x", Actions: []chaos.Action{a}}})
		began := time.Now()
		wg.Wait()
		if took := time.Since(began); err != nil || took < time.Second || took > 2*time.Second {
			t.Errorf("Serve = %v after %s, want nil and the length of the lease", err, took)
		}
		h.mustBe(t, "db1", chaos.Running)
		if !strings.Contains(record.String(), lease.ErrExpired.Error()) {
			t.Errorf("record = %s, want the reason in it: %v", record, lease.ErrExpired)
		}
	})
}

// TestJanitorDies holds that another one takes its place and is told what is open.
func TestJanitorDies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse()
		var said []string
		g, err := start(t.Context(), h.hire, docker.Options{Project: "p"}, Options{Lease: time.Second, Say: func(s string) { said = append(said, s) }})
		if err != nil {
			t.Fatal(err)
		}
		done := h.freeze(t, g, "web1")
		if err := g.Record(chaos.JournalLine{Done: done.Intent.ID}); err != nil {
			t.Fatal(err)
		}
		_ = h.lines[0].Close()
		synctest.Wait()
		if len(h.lines) != 2 || len(said) != 1 || len(g.Lost()) != 1 {
			t.Fatalf("%d janitors, said %q; want a second one and one word about it", len(h.lines), said)
		}
		h.freeze(t, g, "db1")
		_ = h.lines[1].Close()
		synctest.Wait()
		g.stop()
		_ = h.lines[2].Close() // the third one was told about db1 by the guard's memory
		if got := h.notes(t); len(h.lines) != 3 || !same(got, "begun", "lost", "healed ran already: db1") && !same(got, "begun", "lost", "healed healed: db1") {
			t.Errorf("record = %q of janitor %d, want db1 to be in it", got, len(h.lines))
		}
		h.mustBe(t, "db1", chaos.Running)
		_ = g.Close()
	})
}

// TestNoJanitorToBeHad holds that what nobody would undo is not begun, and that the guard stops trying by itself.
func TestNoJanitorToBeHad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse()
		g := mustStart(t, h)
		h.mu.Lock()
		h.broken = errors.New("no such image")
		h.mu.Unlock()
		_ = h.lines[0].Close()
		time.Sleep(time.Minute)
		if err := g.Record(chaos.JournalLine{Intent: &chaos.Intent{ID: "x"}}); !errors.Is(err, h.broken) {
			t.Errorf("Record of an intent = %v, want %v", err, h.broken)
		}
		if err := g.Record(chaos.JournalLine{Done: "x"}); err != nil {
			t.Errorf("Record of what announces nothing = %v, want nil", err)
		}
		if got := len(g.Lost()); got == 0 || got > 2*retries {
			t.Errorf("Lost says %d things: %q", got, g.Lost())
		}
		if err := g.Close(); err != nil {
			t.Errorf("Close = %v", err)
		}
		h.wg.Wait()
	})
}

// TestCloseWithOpenEntries leaves them to the janitor.
func TestCloseWithOpenEntries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse()
		g := mustStart(t, h)
		h.freeze(t, g, "db1")
		if err := g.Close(); err != nil {
			t.Errorf("Close = %v", err)
		}
		if got := h.notes(t); !same(got, "begun", "lost", "healed healed: db1") {
			t.Errorf("record = %q, want db1 healed", got)
		}
	})
}
