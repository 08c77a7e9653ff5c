//go:build linux

package httpfault

import (
	"errors"
	"net"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// connected is a listener with one connection, and the connection's two ends as the kernel lists them.
func connected(t *testing.T, address string) (l net.Listener, client, server net.Conn, id netlink.SocketID) {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Skipf("no such address here: %v", err)
	}
	t.Cleanup(func() { l.Close() })
	if client, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	if server, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	port := uint16(l.Addr().(*net.TCPAddr).Port)
	for _, family := range []uint8{unix.AF_INET, unix.AF_INET6} {
		socks, err := netlink.SocketDiagTCP(family)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range socks {
			if s.State == netlink.TCP_ESTABLISHED && s.ID.SourcePort == port {
				return l, client, server, s.ID
			}
		}
	}
	t.Fatalf("the kernel lists no connection to port %d", port)
	return nil, nil, nil, netlink.SocketID{}
}

// alive says whether the listener still takes connections.
func alive(l net.Listener) error {
	c, err := net.DialTimeout("tcp", l.Addr().String(), time.Second)
	if err != nil {
		return err
	}
	defer c.Close()
	_ = l.(*net.TCPListener).SetDeadline(time.Now().Add(time.Second))
	a, err := l.Accept()
	if err == nil {
		a.Close()
	}
	return err
}

func TestDestroyEndsTheConnectionAndNoOther(t *testing.T) {
	for _, address := range []string{"127.0.0.1:0", "[::1]:0"} {
		t.Run(address, func(t *testing.T) {
			l, client, _, id := connected(t, address)
			if err := destroy(id); errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EPERM) {
				t.Skipf("this kernel can't: %v", err)
			} else if err != nil {
				t.Fatal(err)
			}
			_ = client.SetReadDeadline(time.Now().Add(time.Second))
			if _, err := client.Read(make([]byte, 1)); !errors.Is(err, unix.ECONNRESET) {
				t.Errorf("the client reads %v, want a reset", err)
			}
			if err := alive(l); err != nil {
				t.Errorf("the listener is dead: %v", err)
			}
		})
	}
}

// A connection that ended between the listing and its destruction must not cost the server its listener. For whoever shows no cookie
// the kernel finds that one: it says EINVAL then, and some servers' next accept fails with the same.
func TestDestroyOfAnEndedConnectionSparesTheListener(t *testing.T) {
	l, client, server, id := connected(t, "127.0.0.1:0")
	_ = client.(*net.TCPConn).SetLinger(0) // no TIME_WAIT
	client.Close()
	server.Close()
	time.Sleep(50 * time.Millisecond)
	if err := destroy(id); !errors.Is(err, unix.ENOENT) {
		t.Errorf("destroy = %v, want the kernel to find nothing", err)
	}
	if err := alive(l); err != nil {
		t.Errorf("the listener is dead: %v", err)
	}
}
