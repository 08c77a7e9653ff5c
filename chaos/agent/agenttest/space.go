//go:build linux

package agenttest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os/exec"
	"runtime"
	"sync"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Addresses of the spaces of Pair. The peer has three of IPv4, so that rules can tell peers apart.
var (
	Target4 = netip.MustParseAddr("10.213.77.1")
	Peer4   = netip.MustParseAddr("10.213.77.2")
	Other4  = netip.MustParseAddr("10.213.77.3")
	Third4  = netip.MustParseAddr("10.213.77.4")
	Target6 = netip.MustParseAddr("fd77:213::1")
	Peer6   = netip.MustParseAddr("fd77:213::2")
)

// Space is a network namespace with a loopback device. Close it after Pair's cleanup only; tests need not.
type Space struct{ fd int }

// Pair makes two spaces joined by a cable and takes them away at the end of the test.
func Pair(t testing.TB) (target, peer *Space) {
	t.Helper()
	target, peer = space(t), space(t)
	err := target.Do(func() error {
		link := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "eth0"}, PeerName: "eth0", PeerNamespace: netlink.NsFd(peer.fd)}
		return errors.Join(netlink.LinkAdd(link), dress(Target4, Target6))
	})
	if err == nil {
		err = peer.Do(func() error { return dress(Peer4, Other4, Third4, Peer6) })
	}
	if err != nil {
		t.Fatalf("join two network namespaces: %v", err)
	}
	return target, peer
}

// space makes one, or skips the test.
func space(t testing.TB) *Space {
	t.Helper()
	s := &Space{fd: -1}
	err := locked(func() error {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return err
		}
		fd, err := unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
		s.fd = fd
		return err
	})
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.ENOSYS) {
		t.Skipf("not tested: no network namespaces without root: %v", err)
	}
	if err != nil {
		t.Fatalf("make a network namespace: %v", err)
	}
	t.Cleanup(func() { _ = unix.Close(s.fd) })
	if err := s.Do(func() error { return up("lo") }); err != nil {
		t.Fatalf("loopback: %v", err)
	}
	return s
}

// locked runs f in a thread that ends with it.
func locked(f func() error) error {
	var err error
	var wait sync.WaitGroup
	wait.Go(func() {
		runtime.LockOSThread()
		err = f()
	})
	wait.Wait()
	return err
}

func up(name string) error {
	link, err := netlink.LinkByName(name)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return netlink.LinkSetUp(link)
}

// dress gives eth0 addresses, without waiting for others to object.
func dress(addrs ...netip.Addr) error {
	link, err := netlink.LinkByName("eth0")
	if err != nil {
		return fmt.Errorf("eth0: %w", err)
	}
	for _, a := range addrs {
		bits := 24
		flags := 0
		if a.Is6() {
			bits, flags = 64, unix.IFA_F_NODAD
		}
		one := &netlink.Addr{IPNet: &net.IPNet{IP: a.AsSlice(), Mask: net.CIDRMask(bits, a.BitLen())}, Flags: flags}
		if err := netlink.AddrAdd(link, one); err != nil {
			return fmt.Errorf("address %s: %w", a, err)
		}
	}
	return netlink.LinkSetUp(link)
}

// Do runs f in the space. f must not end the test; it returns an error instead.
func (s *Space) Do(f func() error) error {
	return locked(func() error {
		if err := unix.Setns(s.fd, unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("enter network namespace: %w", err)
		}
		return f()
	})
}

// Dial connects from the space to an address without names.
func (s *Space) Dial(ctx context.Context, network, addr string) (conn net.Conn, err error) {
	err = s.Do(func() error {
		conn, err = new(net.Dialer).DialContext(ctx, network, addr)
		return err
	})
	return conn, err
}

// Listen listens for TCP in the space.
func (s *Space) Listen(addr string) (l net.Listener, err error) {
	err = s.Do(func() error {
		l, err = net.Listen("tcp", addr)
		return err
	})
	return l, err
}

// ListenPacket listens for UDP in the space, with room for many datagrams.
func (s *Space) ListenPacket(addr string) (c net.PacketConn, err error) {
	err = s.Do(func() error {
		c, err = net.ListenPacket("udp", addr)
		return err
	})
	if udp, ok := c.(*net.UDPConn); ok && err == nil {
		err = roomy(udp)
	}
	return c, err
}

func roomy(c *net.UDPConn) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Control(func(fd uintptr) {
		failed = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 16<<20)
	})
	return errors.Join(err, failed)
}

// Start starts a process in the space.
func (s *Space) Start(cmd *exec.Cmd) error { return s.Do(cmd.Start) }
