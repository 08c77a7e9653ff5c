package lease_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"gauntlet/chaos"
	"gauntlet/chaos/chaostest"
	"gauntlet/chaos/lease"
)

func TestMain(m *testing.M) { os.Exit(chaostest.Main(m)) }

const term = 1500 * time.Millisecond

// order is the body of the test's calls.
type order struct {
	Queue string
	Takes time.Duration
	Deaf  bool // does not listen to its context
}

// desk is a handler that notes what it did.
type desk struct {
	mu   sync.Mutex
	done []string
}

func (d *desk) note(s string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.done = append(d.done, s)
}

func (d *desk) Queue(_ string, body json.RawMessage) string {
	var o order
	_ = json.Unmarshal(body, &o)
	return o.Queue
}

func (d *desk) Handle(ctx context.Context, kind string, body json.RawMessage) (any, error) {
	var o order
	if err := json.Unmarshal(body, &o); err != nil {
		return nil, err
	}
	if kind == "fail" {
		return nil, fmt.Errorf("web1: %w", chaos.ErrGone)
	}
	wait := time.After(o.Takes)
	if o.Deaf {
		<-wait
	}
	select {
	case <-wait:
		d.note(kind)
		return "did " + kind, nil
	case <-ctx.Done():
		d.note(kind + " cut off")
		return nil, ctx.Err()
	}
}

// pair is a client and a server on a pipe.
func pair(t *testing.T, d *desk) (c *lease.Client, ended func() error) {
	t.Helper()
	near, far := net.Pipe()
	var err error
	var wg sync.WaitGroup
	wg.Go(func() { err = lease.Serve(t.Context(), far, d, term) })
	c, derr := lease.Dial(t.Context(), near, term)
	if derr != nil {
		t.Fatal(derr)
	}
	return c, func() error { wg.Wait(); return err }
}

func TestCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, ended := pair(t, &desk{})
		var got string
		if err := c.Call(t.Context(), "look", order{}, &got); err != nil || got != "did look" {
			t.Errorf("Call = %q, %v; want did look", got, err)
		}
		err := c.Call(t.Context(), "fail", order{}, nil)
		if !errors.Is(err, chaos.ErrGone) || err.Error() != "web1: container is gone" {
			t.Errorf("Call = %v, want web1: %v, which is that error on both sides", err, chaos.ErrGone)
		}
		if err := c.Close(); err != nil {
			t.Errorf("Close = %v", err)
		}
		if err := ended(); !errors.Is(err, lease.ErrHungUp) {
			t.Errorf("Serve = %v, want %v", err, lease.ErrHungUp)
		}
		if err := c.Call(t.Context(), "look", order{}, nil); !errors.Is(err, lease.ErrEnded) {
			t.Errorf("Call after Close = %v, want %v", err, lease.ErrEnded)
		}
	})
}

// TestSlowCallsDelayNobody holds that a call delays those of its own queue only, and never the renewals.
func TestSlowCallsDelayNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &desk{}
		c, ended := pair(t, d)
		began := time.Now()
		var wg sync.WaitGroup
		call := func(kind string, o order) {
			wg.Go(func() {
				if err := c.Call(t.Context(), kind, o, nil); err != nil {
					t.Errorf("%s: %v", kind, err)
				}
			})
			synctest.Wait() // so that it is on its way before the next
		}
		call("slow", order{Queue: "a", Takes: 10 * term})
		call("after slow", order{Queue: "a"})
		call("other", order{Queue: "b", Takes: time.Second})
		wg.Wait()
		if want := []string{"other", "slow", "after slow"}; !slices.Equal(d.done, want) {
			t.Errorf("done = %q, want %q", d.done, want)
		}
		if took := time.Since(began); took != 10*term {
			t.Errorf("took %s, want %s: the lease was kept meanwhile", took, 10*term)
		}
		_ = c.Close()
		_ = ended()
	})
}

func TestGivingUpIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &desk{}
		c, ended := pair(t, d)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		if err := c.Call(ctx, "slow", order{Takes: time.Hour}, nil); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Call = %v, want %v", err, context.DeadlineExceeded)
		}
		if err := c.Call(t.Context(), "next", order{}, nil); err != nil {
			t.Error(err)
		}
		if took := time.Since(began); took != time.Second {
			t.Errorf("took %s, want 1s", took)
		}
		if want := []string{"slow cut off", "next"}; !slices.Equal(d.done, want) {
			t.Errorf("done = %q, want %q", d.done, want)
		}
		_ = c.Close()
		_ = ended()
	})
}

// TestSilence ends the lease of a caller that hangs: its end of the line is open, but nothing comes.
func TestSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		defer near.Close()
		d := &desk{}
		var err error
		var wg sync.WaitGroup
		began := time.Now()
		wg.Go(func() { err = lease.Serve(t.Context(), far, d, time.Hour) })
		lines := bufio.NewReader(near)
		for _, say := range []string{`{"n":1,"kind":"hello","lease_ns":2000000000}`, `{"kind":"renew"}`} {
			time.Sleep(time.Second)
			fmt.Fprintln(near, say)
			if _, err := lines.ReadString('\n'); err != nil {
				t.Fatal(err)
			}
		}
		fmt.Fprintln(near, `{"n":2,"kind":"slow","body":{"Takes":3600000000000}}`)
		wg.Wait()
		if took := time.Since(began); !errors.Is(err, lease.ErrExpired) || took != 4*time.Second {
			t.Errorf("Serve = %v after %s; want %v 2s after the last sign, at 4s", err, took, lease.ErrExpired)
		}
		if want := []string{"slow cut off"}; !slices.Equal(d.done, want) {
			t.Errorf("done = %q, want %q", d.done, want)
		}
	})
}

func TestNoFirstWord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		defer near.Close()
		if err := lease.Serve(t.Context(), far, &desk{}, term); !errors.Is(err, lease.ErrExpired) {
			t.Errorf("Serve = %v, want %v", err, lease.ErrExpired)
		}
	})
}

func TestStuckCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, ended := pair(t, &desk{})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_ = c.Call(ctx, "slow", order{Takes: time.Minute, Deaf: true}, nil)
		if err := c.Close(); err != nil {
			t.Errorf("Close = %v", err)
		}
		if err := ended(); !errors.Is(err, lease.ErrHungUp) || !errors.Is(err, lease.ErrStuck) {
			t.Errorf("Serve = %v, want %v and %v", err, lease.ErrHungUp, lease.ErrStuck)
		}
		time.Sleep(time.Minute) // the call ends after all: nothing is left of it
	})
}

// TestServerDies ends the server while a call waits.
func TestServerDies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		ctx, kill := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { _ = lease.Serve(ctx, far, &desk{}, term) })
		c, err := lease.Dial(t.Context(), near, term)
		if err != nil {
			t.Fatal(err)
		}
		time.AfterFunc(time.Second, kill)
		if err := c.Call(t.Context(), "slow", order{Takes: time.Hour}, nil); !errors.Is(err, lease.ErrEnded) && !errors.Is(err, context.Canceled) {
			t.Errorf("Call = %v, want %v", err, lease.ErrEnded)
		}
		<-c.Context().Done()
		if err := c.Close(); err != nil {
			t.Errorf("Close = %v", err)
		}
		wg.Wait()
	})
}

// TestServerIsSilent gives up on a server whose line is open but from which nothing comes.
func TestServerIsSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		var wg sync.WaitGroup
		wg.Go(func() {
			lines := bufio.NewReader(far)
			_, _ = lines.ReadString('\n')
			fmt.Fprintln(far, `{"n":1}`)
			for {
				if _, err := lines.ReadString('\n'); err != nil {
					return
				}
			}
		})
		c, err := lease.Dial(t.Context(), near, term)
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		if err := c.Call(t.Context(), "look", order{}, nil); !errors.Is(err, lease.ErrEnded) {
			t.Errorf("Call = %v, want %v", err, lease.ErrEnded)
		}
		if took := time.Since(began); took < 4*term || took > 5*term {
			t.Errorf("gave up after %s, want between %s and %s", took, 4*term, 5*term)
		}
		_ = c.Close()
		wg.Wait()
	})
}

func TestDialGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		defer far.Close()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := lease.Dial(ctx, near, term); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Dial = %v, want %v", err, context.DeadlineExceeded)
		}
	})
}

func TestNotARequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		defer near.Close()
		var wg sync.WaitGroup
		wg.Go(func() { fmt.Fprintln(near, "panic: something else spoke") })
		if err := lease.Serve(t.Context(), far, &desk{}, term); err == nil || errors.Is(err, lease.ErrHungUp) {
			t.Errorf("Serve = %v, want what was said instead", err)
		}
		wg.Wait()
	})
}

// crowded is a desk on a machine that is overwhelmed at the next few looks.
type crowded struct {
	desk
	looks int
}

func (c *crowded) Overwhelmed() bool {
	c.looks--
	return c.looks >= 0
}

// TestOverwhelmed gives a silent caller more time while everybody has to wait, but not for ever.
func TestOverwhelmed(t *testing.T) {
	for looks, want := range map[int]time.Duration{0: term, 2: 3 * term, 100: 4 * term} {
		synctest.Test(t, func(t *testing.T) {
			near, far := net.Pipe()
			defer near.Close()
			var err error
			var wg sync.WaitGroup
			wg.Go(func() { err = lease.Serve(t.Context(), far, &crowded{looks: looks}, time.Hour) })
			fmt.Fprintf(near, `{"n":1,"kind":"hello","lease_ns":%d}`+"\n", term)
			if _, err := bufio.NewReader(near).ReadString('\n'); err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			wg.Wait()
			if took := time.Since(began); !errors.Is(err, lease.ErrExpired) || took != want {
				t.Errorf("overwhelmed at %d looks: Serve = %v after %s, want %v after %s", looks, err, took, lease.ErrExpired, want)
			}
		})
	}
}
