package agent_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"gauntlet/chaos"
	"gauntlet/chaos/agent"
	"gauntlet/chaos/chaostest"
	"gauntlet/chaos/lease"
)

func TestMain(m *testing.M) { os.Exit(chaostest.Main(m)) }

const term = 1500 * time.Millisecond

// shelf is a worker that holds ids in memory.
type shelf struct {
	mu    sync.Mutex
	held  map[string]chaos.Op
	takes time.Duration // of Apply
	fails error         // of Apply and Close
	lost  bool          // Check finds nothing
}

func (s *shelf) Apply(ctx context.Context, id string, op chaos.Op) (string, error) {
	select {
	case <-time.After(s.takes):
	case <-ctx.Done():
		return "", ctx.Err()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fails != nil {
		return "", s.fails
	}
	if s.held == nil {
		s.held = map[string]chaos.Op{}
	}
	s.held[id] = op
	return fmt.Sprintf("holds %d", len(s.held)), nil
}

func (s *shelf) Check(_ context.Context, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.held[id]; !ok || s.lost {
		return errors.New("not on the shelf")
	}
	return nil
}

func (s *shelf) Clear(_ context.Context, id string, _ chaos.Op) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.held, id)
	return nil
}

func (s *shelf) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held = nil
	return s.fails
}

func (s *shelf) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.held)
}

// start is an agent with a client.
func start(t *testing.T, workers map[chaos.Verb]agent.Worker) (c *agent.Client, ended func() error) {
	t.Helper()
	near, far := net.Pipe()
	var err error
	var wg sync.WaitGroup
	wg.Go(func() { err = agent.Serve(t.Context(), far, workers, term) })
	c, derr := agent.Dial(t.Context(), near, term)
	if derr != nil {
		t.Fatal(derr)
	}
	return c, func() error { wg.Wait(); return err }
}

var (
	drop = chaos.Op{Verb: chaos.VerbNet, Net: &chaos.NetRule{Drop: true}}
	lock = chaos.Op{Verb: chaos.VerbState, State: &chaos.StateChange{Kind: "lock"}}
)

func TestApplyCheckClear(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nets, states := &shelf{takes: 20 * time.Millisecond}, &shelf{}
		c, ended := start(t, map[chaos.Verb]agent.Worker{chaos.VerbNet: nets, chaos.VerbState: states})
		verbs, err := c.Verbs(t.Context())
		if want := []chaos.Verb{chaos.VerbNet, chaos.VerbState}; err != nil || !slices.Equal(verbs, want) {
			t.Errorf("Verbs = %v, %v; want %v", verbs, err, want)
		}
		if err := c.Check(t.Context(), "a", drop); !errors.Is(err, chaos.ErrEndedEarly) {
			t.Errorf("Check of what was never applied = %v, want %v", err, chaos.ErrEndedEarly)
		}
		got, err := c.Apply(t.Context(), "a", drop)
		if took := got.Answered.Sub(got.Sent); err != nil || got.Proof != "holds 1" || took != 20*time.Millisecond {
			t.Errorf("Apply = %+v, %v; want a proof after 20ms", got, err)
		}
		if _, err := c.Apply(t.Context(), "b", lock); err != nil || nets.count() != 1 || states.count() != 1 {
			t.Errorf("Apply = %v; shelves %d and %d, want one each", err, nets.count(), states.count())
		}
		if err := c.Check(t.Context(), "a", drop); err != nil {
			t.Errorf("Check = %v", err)
		}
		nets.lost = true
		if err := c.Check(t.Context(), "a", drop); !errors.Is(err, chaos.ErrEndedEarly) || !strings.Contains(err.Error(), "not on the shelf") {
			t.Errorf("Check of what is lost = %v, want %v and why", err, chaos.ErrEndedEarly)
		}
		for range 2 {
			if err := c.Clear(t.Context(), "a", drop); err != nil || nets.count() != 0 {
				t.Errorf("Clear = %v, %d left; want none", err, nets.count())
			}
		}
		if _, err := c.Apply(t.Context(), "c", chaos.Op{Verb: chaos.VerbHTTP}); !errors.Is(err, chaos.ErrUnsupported) {
			t.Errorf("Apply without a worker = %v, want %v", err, chaos.ErrUnsupported)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		if err := ended(); err != nil || states.count() != 0 {
			t.Errorf("Serve = %v, %d left; want nil and none", err, states.count())
		}
	})
}

func TestFailedApplyHoldsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nets := &shelf{fails: fmt.Errorf("%w: a foreign table is in the way", chaos.ErrRefused)}
		c, ended := start(t, map[chaos.Verb]agent.Worker{chaos.VerbNet: nets})
		if _, err := c.Apply(t.Context(), "a", drop); !errors.Is(err, chaos.ErrRefused) {
			t.Errorf("Apply = %v, want %v", err, chaos.ErrRefused)
		}
		if err := c.Check(t.Context(), "a", drop); !errors.Is(err, chaos.ErrEndedEarly) {
			t.Errorf("Check = %v, want %v", err, chaos.ErrEndedEarly)
		}
		_ = c.Close()
		if err := ended(); !errors.Is(err, chaos.ErrStillDisturbed) {
			t.Errorf("Serve = %v, want %v: the worker could not clear", err, chaos.ErrStillDisturbed)
		}
	})
}

// TestClientVanishes holds that an agent clears everything when its client is gone, also in the middle of an Apply.
func TestClientVanishes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nets, states := &shelf{takes: time.Hour}, &shelf{}
		near, far := net.Pipe()
		c, err := agentBeside(t, near, far, map[chaos.Verb]agent.Worker{chaos.VerbNet: nets, chaos.VerbState: states})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Apply(t.Context(), "b", lock); err != nil {
			t.Fatal(err)
		}
		time.AfterFunc(time.Second, func() { _ = near.Close() })
		began := time.Now()
		if _, err := c.Apply(t.Context(), "a", drop); !errors.Is(err, lease.ErrEnded) {
			t.Errorf("Apply = %v, want %v", err, lease.ErrEnded)
		}
		synctest.Wait()
		if took := time.Since(began); states.count() != 0 || took != time.Second {
			t.Errorf("%d left after %s, want none at once", states.count(), took)
		}
		_ = c.Close()
	})
}

func agentBeside(t *testing.T, near, far net.Conn, workers map[chaos.Verb]agent.Worker) (*agent.Client, error) {
	t.Helper()
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := agent.Serve(t.Context(), far, workers, term); err != nil {
			t.Errorf("Serve = %v", err)
		}
	})
	t.Cleanup(wg.Wait)
	return agent.Dial(t.Context(), near, term)
}

// TestLeaseEnds holds that an agent clears everything when nothing comes from its client.
func TestLeaseEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		defer near.Close()
		nets := &shelf{held: map[string]chaos.Op{"a": drop}}
		var err error
		var wg sync.WaitGroup
		wg.Go(func() { err = agent.Serve(t.Context(), far, map[chaos.Verb]agent.Worker{chaos.VerbNet: nets}, term) })
		fmt.Fprintln(near, `{"n":1,"kind":"hello"}`)
		began := time.Now()
		wg.Wait()
		if took := time.Since(began); !errors.Is(err, lease.ErrExpired) || took != term || nets.count() != 0 {
			t.Errorf("Serve = %v after %s with %d left; want %v after %s with none", err, took, nets.count(), lease.ErrExpired, term)
		}
	})
}
