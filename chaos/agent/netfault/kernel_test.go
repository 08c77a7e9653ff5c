//go:build linux

package netfault

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"gauntlet/chaos"
	"gauntlet/chaos/agent/agenttest"
)

func TestDropByPeer(t *testing.T) {
	b := newBed(t)
	before := b.dial(b.peer, targetPort)
	b.trip(before)
	b.apply("cut", chaos.NetRule{Drop: true, Peers: prefix(agenttest.Peer4)})
	b.cut(b.target, peerPort)
	if _, err := agenttest.RoundTrip(before, "hello", silence); !agenttest.TimedOut(err) {
		t.Errorf("established connection of a dropped peer: want silence, got %v", err)
	}
	b.works(b.target, otherPort)
	b.works(b.target, "127.0.0.1:7000")
	b.works(b.target, targetPort) // its own address goes through loopback
	b.clear("cut")
	b.works(b.target, peerPort)
	b.works(b.peer, targetPort)
}

func TestDropSparesAndPorts(t *testing.T) {
	b := newBed(t)
	b.peer.Echo(t, "[::]:7001")
	b.apply("cut", chaos.NetRule{Drop: true, Spare: prefix(agenttest.Other4), Ports: []uint16{7000},
		Peers: []netip.Prefix{netip.MustParsePrefix("10.213.77.2/31"), netip.MustParsePrefix("fd77:213::/64")}})
	b.cut(b.target, peerPort)
	b.cut(b.target, "[fd77:213::2]:7000")
	b.works(b.target, otherPort)
	b.works(b.target, "10.213.77.2:7001")
	b.works(b.target, "[fd77:213::2]:7001")
	b.works(b.target, "10.213.77.4:7000") // not in the /31
	b.clear("cut")
	b.works(b.target, peerPort)
	b.works(b.target, "[fd77:213::2]:7000")
}

// IPv6 finds the peer at once after a drop of everything: what finds link addresses is spared.
func TestDropOfAllSparesLinkAddresses(t *testing.T) {
	b := newBed(t)
	b.apply("cut", chaos.NetRule{Drop: true})
	b.cut(b.target, peerPort)
	b.cut(b.target, "[fd77:213::2]:7000")
	b.clear("cut")
	c, err := b.try(b.target, "[fd77:213::2]:7000", patience)
	if err != nil {
		t.Fatal(err)
	}
	b.trip(c)
	_ = c.Close()
}

func TestDropOneWay(t *testing.T) {
	b := newBed(t)
	from, err := b.peer.ListenPacket("10.213.77.2:7002")
	if err != nil {
		t.Fatal(err)
	}
	to, err := b.target.ListenPacket("10.213.77.1:7002")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _, _ = from.Close(), to.Close() }()
	b.apply("deaf", chaos.NetRule{Drop: true, Direction: chaos.In})
	if arrives(t, from, to, silence) {
		t.Error("a packet came in through a drop of what comes in")
	}
	if !arrives(t, to, from, patience) {
		t.Error("a packet did not go out through a drop of what comes in")
	}
	b.clear("deaf")
	if !arrives(t, from, to, patience) {
		t.Error("a packet did not come in after the drop ended")
	}
}

// arrives sends a datagram and says whether one comes within the limit.
func arrives(t *testing.T, from, to net.PacketConn, limit time.Duration) bool {
	t.Helper()
	if _, err := from.WriteTo([]byte("x"), to.LocalAddr()); err != nil && !errors.Is(err, syscall.EPERM) {
		t.Fatal(err)
	}
	if err := to.SetReadDeadline(time.Now().Add(limit)); err != nil {
		t.Fatal(err)
	}
	_, _, err := to.ReadFrom(make([]byte, 10))
	return err == nil
}

func TestRefuse(t *testing.T) {
	b := newBed(t)
	out, in := b.dial(b.target, peerPort), b.dial(b.peer, targetPort)
	b.apply("refuse", chaos.NetRule{Refuse: true})
	for _, c := range []net.Conn{out, in} {
		b.trip(c)
	}
	for name, try := range map[string]func() (net.Conn, error){
		"out": func() (net.Conn, error) { return b.try(b.target, peerPort, patience) },
		"in":  func() (net.Conn, error) { return b.try(b.peer, targetPort, patience) },
	} {
		if _, err := try(); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("%s: a new connection: want refused, got %v", name, err)
		}
	}
	b.clear("refuse")
	b.works(b.target, peerPort)
	b.works(b.peer, targetPort)
}

func TestReset(t *testing.T) {
	for _, direction := range []chaos.Direction{chaos.Both, chaos.In, chaos.Out} {
		t.Run(string(direction), func(t *testing.T) {
			b := newBed(t)
			far := make(chan error, 1)
			b.target.Serve(t, "[::]:7003", func(c net.Conn) {
				_, err := io.Copy(io.Discard, c) // idle: it learns of the reset without sending
				far <- err
			})
			near := b.dial(b.peer, "10.213.77.1:7003")
			b.trip(b.dial(b.peer, targetPort))
			b.apply("reset", chaos.NetRule{Reset: true, Direction: direction})
			select {
			case err := <-far:
				if err == nil {
					t.Error("the target's end was closed in peace")
				}
			case <-time.After(patience):
				t.Error("the target's end did not break")
			}
			_ = near.SetReadDeadline(time.Now().Add(patience))
			if _, err := near.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("the peer's end: want reset, got %v", err)
			}
			if c, err := b.try(b.peer, targetPort, 2*silence); err == nil { // out only: silence, since the SYN came in
				if _, err := agenttest.RoundTrip(c, "hello", patience); err == nil {
					t.Error("a new connection works")
				}
				_ = c.Close()
			}
			b.clear("reset")
			b.works(b.peer, targetPort)
		})
	}
}
