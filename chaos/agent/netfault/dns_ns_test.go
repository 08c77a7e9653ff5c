//go:build linux

package netfault

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"gauntlet/chaos"
	"gauntlet/chaos/agent/agenttest"
)

// nameServer is where the tests' DNS listens: where Docker's does, in the target's own loopback.
const nameServer = "127.0.0.11:53"

// serveNames answers every query with 192.0.2.1, over UDP and TCP, until the test ends.
func serveNames(t *testing.T, s *agenttest.Space, addr string) {
	t.Helper()
	c, err := s.ListenPacket(addr)
	if err != nil {
		t.Fatal(err)
	}
	var wait sync.WaitGroup
	wait.Go(func() {
		buf := make([]byte, 1500)
		for {
			n, from, err := c.ReadFrom(buf)
			if err != nil {
				return
			}
			_, _ = c.WriteTo(resolve(buf[:n]), from)
		}
	})
	t.Cleanup(func() {
		_ = c.Close()
		wait.Wait()
	})
	s.Serve(t, addr, func(c net.Conn) {
		var size [2]byte
		for {
			if _, err := io.ReadFull(c, size[:]); err != nil {
				return
			}
			query := make([]byte, binary.BigEndian.Uint16(size[:]))
			if _, err := io.ReadFull(c, query); err != nil {
				return
			}
			reply := resolve(query)
			_, _ = c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(reply))), reply...))
		}
	})
}

func resolve(query []byte) []byte {
	var m dnsmessage.Message
	if m.Unpack(query) != nil || len(m.Questions) == 0 {
		return nil
	}
	m.Response, m.Additionals = true, nil
	q := m.Questions[0]
	if q.Type == dnsmessage.TypeA {
		m.Answers = []dnsmessage.Resource{{
			Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class, TTL: 1},
			Body:   &dnsmessage.AResource{A: [4]byte{192, 0, 2, 1}},
		}}
	}
	out, _ := m.Pack()
	return out
}

// lookup asks the server from the target as Go programs do, over udp or tcp.
func (b *bed) lookup(network, server, name string, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(b.Context(), limit)
	defer cancel()
	r := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return b.target.Dial(ctx, network, server)
	}}
	addrs, err := r.LookupNetIP(ctx, "ip4", name)
	if err == nil && (len(addrs) != 1 || addrs[0].String() != "192.0.2.1") {
		b.Errorf("%s is %v", name, addrs)
	}
	return err
}

func TestDNS(t *testing.T) {
	for _, server := range []string{nameServer, "10.213.77.2:53", "[fd77:213::2]:53"} {
		t.Run(server, func(t *testing.T) {
			b := newBed(t)
			if server == nameServer {
				serveNames(t, b.target, server)
			} else {
				serveNames(t, b.peer, server)
			}
			works := func(name string) {
				t.Helper()
				for _, network := range []string{"udp", "tcp"} {
					if err := b.lookup(network, server, name, patience); err != nil {
						t.Errorf("%s over %s: %v", name, network, err)
					}
				}
			}
			works("db.example.")
			b.apply("names", chaos.NetRule{DNS: &chaos.DNSRule{Names: []string{"Example."}, Answer: "nxdomain"}})
			works("other.test.")
			works("notexample.")
			for _, name := range []string{"db.example.", "example."} {
				var dnsErr *net.DNSError
				if err := b.lookup("udp", server, name, patience); !errors.As(err, &dnsErr) || !dnsErr.IsNotFound {
					t.Errorf("%s: want no such host, got %v", name, err)
				}
				if err := b.lookup("tcp", server, name, patience); err == nil || errors.As(err, &dnsErr) && dnsErr.IsTimeout {
					t.Errorf("%s over tcp: want a broken connection, got %v", name, err)
				}
			}
			b.clear("names")
			works("db.example.")
		})
	}
}

func TestDNSAnswers(t *testing.T) {
	b := newBed(t)
	serveNames(t, b.target, nameServer)
	b.apply("names", chaos.NetRule{DNS: &chaos.DNSRule{Answer: "servfail"}})
	var dnsErr *net.DNSError
	if err := b.lookup("udp", nameServer, "any.name.", patience); !errors.As(err, &dnsErr) || !dnsErr.IsTemporary || dnsErr.IsTimeout {
		t.Errorf("servfail: want a temporary error, got %v", err)
	}
	b.apply("names", chaos.NetRule{DNS: &chaos.DNSRule{Answer: "timeout"}})
	for _, network := range []string{"udp", "tcp"} {
		if err := b.lookup(network, nameServer, "any.name.", silence); !errors.As(err, &dnsErr) || !dnsErr.IsTimeout {
			t.Errorf("timeout over %s: got %v", network, err)
		}
	}
}

// A reset that answers DNS over TCP must be one that the client believes.
func TestDNSOverTCPIsReset(t *testing.T) {
	b := newBed(t)
	serveNames(t, b.peer, "10.213.77.2:53")
	b.apply("names", chaos.NetRule{DNS: &chaos.DNSRule{Names: []string{"example"}, Answer: "nxdomain"}})
	c := b.dial(b.target, "10.213.77.2:53")
	query := dnsmessage.Message{Header: dnsmessage.Header{ID: 7, RecursionDesired: true},
		Questions: []dnsmessage.Question{{Name: dnsmessage.MustNewName("www.example."), Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET}}}
	body, err := query.Pack()
	if err != nil {
		t.Fatal(err)
	}
	_ = c.SetDeadline(time.Now().Add(patience))
	if _, err := c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(body))), body...)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("want reset, got %v", err)
	}
}
