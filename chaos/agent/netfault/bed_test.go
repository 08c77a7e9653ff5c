//go:build linux

package netfault

import (
	"context"
	"net"
	"net/netip"
	"testing"
	"time"

	"gauntlet/chaos"
	"gauntlet/chaos/agent/agenttest"
)

// patience is how long a test waits for what must happen.
const patience = 20 * time.Second

// silence is how long a test waits for what must not happen.
const silence = 400 * time.Millisecond

const (
	targetPort = "10.213.77.1:7000"
	peerPort   = "10.213.77.2:7000"
	otherPort  = "10.213.77.3:7000"
)

// bed is a target with a worker, a peer, and an echo server on each address.
type bed struct {
	*testing.T
	target, peer *agenttest.Space
	worker       *Worker
}

func newBed(t *testing.T) *bed {
	t.Helper()
	t.Parallel() // namespaces are apart
	b := &bed{T: t}
	b.target, b.peer = agenttest.Pair(t)
	b.target.Echo(t, "[::]:7000")
	b.peer.Echo(t, "[::]:7000")
	b.worker = newWorker(t, b.target)
	return b
}

// newWorker starts a worker in the space; at the end of the test nothing of it may be left.
func newWorker(t testing.TB, s *agenttest.Space) *Worker {
	t.Helper()
	var w *Worker
	if err := s.Do(func() (err error) { w, err = New(); return err }); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Do(w.Close); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return w
}

// ask applies op, in the target's namespace, and checks it if that worked.
func (b *bed) ask(id string, op chaos.Op) (proof string, err error) {
	err = b.target.Do(func() (err error) {
		if proof, err = b.worker.Apply(b.Context(), id, op); err == nil {
			err = b.worker.Check(b.Context(), id)
		}
		return err
	})
	return proof, err
}

func (b *bed) apply(id string, r chaos.NetRule) {
	b.Helper()
	words, err := b.ask(id, chaos.Op{Verb: chaos.VerbNet, Net: &r})
	if err != nil {
		b.Fatal(err)
	}
	b.Log(words)
}

func (b *bed) clear(id string) {
	b.Helper()
	if err := b.target.Do(func() error { return b.worker.Clear(b.Context(), id, chaos.Op{}) }); err != nil {
		b.Fatal(err)
	}
	if err := b.target.Do(func() error { return b.worker.Check(b.Context(), id) }); err == nil {
		b.Fatalf("%s was cleared, and Check says that it holds", id)
	}
}

// dial connects, and fails the test if that doesn't work.
func (b *bed) dial(from *agenttest.Space, addr string) net.Conn {
	b.Helper()
	c, err := b.try(from, addr, patience)
	if err != nil {
		b.Fatalf("connect to %s: %v", addr, err)
	}
	b.Cleanup(func() { _ = c.Close() })
	return c
}

func (b *bed) try(from *agenttest.Space, addr string, limit time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(b.Context(), limit)
	defer cancel()
	return from.Dial(ctx, "tcp", addr)
}

// works fails the test unless a new connection passes bytes both ways.
func (b *bed) works(from *agenttest.Space, addr string) time.Duration {
	b.Helper()
	c := b.dial(from, addr)
	return b.trip(c)
}

// trip is the best of three round trips over c.
func (b *bed) trip(c net.Conn) time.Duration {
	b.Helper()
	best := patience
	for range 3 {
		d, err := agenttest.RoundTrip(c, "hello", patience)
		if err != nil {
			b.Fatalf("round trip: %v", err)
		}
		best = min(best, d)
	}
	return best
}

// between fails the test unless every round trip over c takes at least low, and one of them, on a machine that may be busy,
// less than high.
func (b *bed) between(c net.Conn, low, high time.Duration) {
	b.Helper()
	best := patience
	for end := time.Now().Add(patience); best >= high && time.Now().Before(end); {
		best = min(best, b.trip(c))
	}
	if best < low || best >= high {
		b.Errorf("round trip %s, want %s to %s", best, low, high)
	}
}

// cut fails the test unless a new connection gets no answer at all.
func (b *bed) cut(from *agenttest.Space, addr string) {
	b.Helper()
	c, err := b.try(from, addr, silence)
	if err == nil {
		_ = c.Close()
		b.Fatalf("%s can be reached", addr)
	}
	if !agenttest.TimedOut(err) {
		b.Fatalf("%s: want silence, got %v", addr, err)
	}
}

func prefix(addrs ...netip.Addr) []netip.Prefix {
	var list []netip.Prefix
	for _, a := range addrs {
		list = append(list, netip.PrefixFrom(a, a.BitLen()))
	}
	return list
}

// deadline is when patience ends.
func deadline() time.Time { return time.Now().Add(patience) }
