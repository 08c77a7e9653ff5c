//go:build linux

package netfault

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"gauntlet/chaos"
	"gauntlet/chaos/agent/agenttest"
)

func TestDelayByPeer(t *testing.T) {
	b := newBed(t)
	c, other := b.dial(b.target, peerPort), b.dial(b.target, otherPort)
	const delay = 150 * time.Millisecond
	b.apply("slow", chaos.NetRule{Delay: delay, Peers: prefix(agenttest.Peer4)})
	b.between(c, 2*delay, 4*delay)
	b.between(other, 0, delay)
	b.clear("slow")
	b.between(c, 0, delay)
}

func TestDelayOfUDPAndIPv6(t *testing.T) {
	b := newBed(t)
	const delay = 100 * time.Millisecond
	b.apply("slow", chaos.NetRule{Delay: delay, Direction: chaos.Out})
	if d := b.works(b.target, "[fd77:213::2]:7000"); d < delay {
		t.Errorf("IPv6: round trip %s with %s", d, delay)
	}
	from, to := b.packets()
	began := time.Now()
	if !arrives(t, from, to, patience) {
		t.Fatal("a datagram was lost")
	}
	if d := time.Since(began); d < delay {
		t.Errorf("UDP: %s with %s", d, delay)
	}
}

// packets are sockets for datagrams from the target to the peer.
func (b *bed) packets() (from, to net.PacketConn) {
	b.Helper()
	from, err := b.target.ListenPacket("10.213.77.1:7004")
	if err != nil {
		b.Fatal(err)
	}
	to, err = b.peer.ListenPacket("10.213.77.2:7004")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _, _ = from.Close(), to.Close() })
	return from, to
}

// Rules compose: delays add, and taking one back leaves the other.
func TestRulesCompose(t *testing.T) {
	b := newBed(t)
	c, other := b.dial(b.target, peerPort), b.dial(b.target, otherPort)
	const one, two = 100 * time.Millisecond, 150 * time.Millisecond
	b.apply("one", chaos.NetRule{Delay: one, Direction: chaos.Out})
	b.apply("two", chaos.NetRule{Delay: two, Direction: chaos.Out, Peers: prefix(agenttest.Peer4)})
	b.apply("cut", chaos.NetRule{Drop: true, Peers: prefix(agenttest.Third4)})
	b.between(c, one+two, 3*two)
	b.between(other, one, one+two)
	b.cut(b.target, "10.213.77.4:7000")
	b.clear("one")
	b.between(c, two, one+two)
	b.cut(b.target, "10.213.77.4:7000")
	b.apply("two", chaos.NetRule{Delay: one, Direction: chaos.In}) // replaces it
	b.between(c, one, two)
	b.clear("two")
	b.clear("cut")
	b.between(c, 0, one)
	b.works(b.target, "10.213.77.4:7000")
}

// What waits goes on at once when its rule ends; nothing is lost or doubled.
func TestClearLetsHeldPacketsGo(t *testing.T) {
	b := newBed(t)
	from, to := b.packets()
	b.apply("slow", chaos.NetRule{Delay: time.Minute})
	for i := range 100 {
		if _, err := fmt.Fprint(struct{ io.Writer }{writer{from, to.LocalAddr()}}, i); err != nil {
			t.Fatal(err)
		}
	}
	b.clear("slow")
	got := receive(t, to, 100, patience)
	for i, text := range got {
		if text != fmt.Sprint(i) {
			t.Fatalf("datagram %d is %q", i, text)
		}
	}
}

// writer sends datagrams.
type writer struct {
	net.PacketConn
	to net.Addr
}

func (w writer) Write(b []byte) (int, error) { return w.WriteTo(b, w.to) }

// receive reads datagrams until there are n or the time is over.
func receive(t *testing.T, c net.PacketConn, n int, limit time.Duration) []string {
	t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(limit))
	var got []string
	buf := make([]byte, 2000)
	for len(got) < n {
		m, _, err := c.ReadFrom(buf)
		if err != nil {
			return got
		}
		got = append(got, string(buf[:m]))
	}
	return got
}

// flood sends n numbered datagrams and gives those that came, up to one that says that it is the last: packets keep their
// order, so that those before it that have not come are lost.
func flood(t *testing.T, from, to net.PacketConn, n int) []string {
	t.Helper()
	for i := range n {
		if _, err := from.WriteTo(fmt.Appendf(nil, "%d", i), to.LocalAddr()); err != nil {
			t.Fatal(err)
		}
		if i%50 == 49 {
			time.Sleep(time.Millisecond) // the sender's buffer is not what is tested
		}
	}
	const last = "last"
	var got []string
	for end := time.Now().Add(patience); ; {
		if _, err := from.WriteTo([]byte(last), to.LocalAddr()); err != nil {
			t.Fatal(err)
		}
		done := false
		for _, text := range receive(t, to, 10*n, silence) {
			if text == last {
				done = true
			} else {
				got = append(got, text)
			}
		}
		if done {
			return got
		}
		if time.Now().After(end) {
			t.Fatal("the last datagram does not come")
		}
	}
}

func TestLoss(t *testing.T) {
	b := newBed(t)
	b.apply("loss", chaos.NetRule{Loss: 0.5, Direction: chaos.Out, Seed: 1})
	from, to := b.packets()
	if n := len(flood(t, from, to, 1000)); n < 400 || n > 600 {
		t.Errorf("%d of 1000 datagrams came with a loss of one half", n)
	}
}

func TestDuplicate(t *testing.T) {
	for _, direction := range []chaos.Direction{chaos.Out, chaos.In} {
		t.Run(string(direction), func(t *testing.T) {
			b := newBed(t)
			b.apply("twice", chaos.NetRule{Duplicate: 1, Direction: direction})
			from, to := b.packets()
			if direction == chaos.In {
				from, to = to, from
			}
			seen := map[string]int{}
			for _, text := range flood(t, from, to, 200) {
				seen[text]++
			}
			for i := range 200 {
				if n := seen[fmt.Sprint(i)]; n != 2 {
					t.Fatalf("datagram %d came %d times, want twice", i, n)
				}
			}
			b.works(b.target, peerPort) // TCP lives with duplicates
		})
	}
}

// A corrupt packet fails its checksum, so that the receiver never sees it; the next one that is whole gets through.
func TestCorrupt(t *testing.T) {
	for _, direction := range []chaos.Direction{chaos.Out, chaos.In} {
		t.Run(string(direction), func(t *testing.T) {
			b := newBed(t)
			before := checksumErrors(t, b.target) + checksumErrors(t, b.peer)
			b.apply("noise", chaos.NetRule{Corrupt: 1, Direction: direction})
			if c, err := b.try(b.target, peerPort, silence); err == nil {
				_ = c.Close()
				t.Error("a connection was made of corrupt packets")
			}
			if n := checksumErrors(t, b.target) + checksumErrors(t, b.peer) - before; n == 0 {
				t.Error("no receiver has seen a wrong checksum")
			}
			b.apply("noise", chaos.NetRule{Corrupt: 0.3, Direction: direction, Seed: 5})
			b.works(b.target, peerPort)
			b.clear("noise")
			b.works(b.target, peerPort)
		})
	}
}

// checksumErrors is TCP's InCsumErrors in the space.
func checksumErrors(t *testing.T, s *agenttest.Space) (n int) {
	t.Helper()
	err := s.Do(func() error {
		text, err := os.ReadFile("/proc/thread-self/net/snmp")
		if err != nil {
			return err
		}
		var names []string
		for line := range strings.Lines(string(text)) {
			if f := strings.Fields(line); len(f) > 0 && f[0] == "Tcp:" && names == nil {
				names = f
			} else if len(f) > 0 && f[0] == "Tcp:" {
				for i, name := range names {
					if name == "InCsumErrors" {
						_, err = fmt.Sscan(f[i], &n)
					}
				}
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestReorder(t *testing.T) {
	b := newBed(t)
	b.apply("mix", chaos.NetRule{Delay: 300 * time.Millisecond, Reorder: 0.3, Direction: chaos.Out, Seed: 3})
	from, to := b.packets()
	for i := range 100 {
		if _, err := from.WriteTo(fmt.Appendf(nil, "%02d", i), to.LocalAddr()); err != nil {
			t.Fatal(err)
		}
	}
	got := receive(t, to, 100, patience)
	if len(got) != 100 {
		t.Fatalf("%d of 100 datagrams came", len(got))
	}
	if slices.IsSorted(got) {
		t.Error("all came in order")
	}
}

// Jitter alone must not reorder.
func TestJitterKeepsOrder(t *testing.T) {
	b := newBed(t)
	b.apply("shake", chaos.NetRule{Delay: 30 * time.Millisecond, Jitter: 30 * time.Millisecond, Direction: chaos.Out, Seed: 3})
	from, to := b.packets()
	got := flood(t, from, to, 300)
	for i, text := range got {
		if text != fmt.Sprint(i) {
			t.Fatalf("datagram %d is %q", i, text)
		}
	}
	if len(got) != 300 {
		t.Errorf("%d of 300 datagrams came", len(got))
	}
}

// 10 Mbit/s: 1 MB takes 0.8 s, whichever way; much more is a machine that is busy.
func TestBandwidth(t *testing.T) {
	for _, direction := range []chaos.Direction{chaos.Out, chaos.In} {
		t.Run(string(direction), func(t *testing.T) {
			b := newBed(t)
			c := b.dial(b.target, peerPort)
			b.apply("narrow", chaos.NetRule{BitsPerSecond: 10e6, Direction: direction})
			began := time.Now()
			b.bulk(c, 1_000_000)
			if d := time.Since(began); d < 700*time.Millisecond {
				t.Errorf("8 Mbit took %s at 10 Mbit/s", d)
			} else {
				t.Logf("8 Mbit took %s at 10 Mbit/s", d)
			}
		})
	}
}

// bulk sends n bytes to an echo and compares what comes back.
func (b *bed) bulk(c net.Conn, n int) {
	b.Helper()
	data := bytes.Repeat([]byte("0123456789abcdef"), n/16)
	_ = c.SetDeadline(time.Now().Add(2 * patience))
	failed := make(chan error, 1)
	go func() {
		_, err := c.Write(data)
		failed <- err
	}()
	got := make([]byte, len(data))
	if _, err := io.ReadFull(c, got); err != nil {
		b.Errorf("read: %v", err)
	} else if !bytes.Equal(got, data) {
		b.Error("what came back is not what was sent")
	}
	if err := <-failed; err != nil {
		b.Errorf("write: %v", err)
	}
}

// A new connection must not be slowed by more than the delay: what waits does not count against its sender.
func TestDelayedStreamOpensItsWindow(t *testing.T) {
	b := newBed(t)
	b.apply("slow", chaos.NetRule{Delay: 20 * time.Millisecond, Direction: chaos.Out})
	c := b.dial(b.target, peerPort)
	began := time.Now()
	b.bulk(c, 4_000_000)
	// Two segments per round trip would take 20 s or more.
	if d := time.Since(began); d > 10*time.Second {
		t.Errorf("4 MB took %s at 20 ms", d)
	} else {
		t.Logf("4 MB took %s at 20 ms", d)
	}
}
