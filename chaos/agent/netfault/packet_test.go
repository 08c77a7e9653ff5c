package netfault

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"net/netip"
	"testing"

	"golang.org/x/net/dns/dnsmessage"

	"gauntlet/chaos"
)

func mustPrefixes(list ...string) []netip.Prefix {
	var out []netip.Prefix
	for _, s := range list {
		out = append(out, netip.MustParsePrefix(s))
	}
	return out
}

// datagram is a UDP packet as a program sends it.
func datagram(src, dst string, payload []byte) []byte {
	s, d := netip.MustParseAddrPort(src), netip.MustParseAddrPort(dst)
	segment := binary.BigEndian.AppendUint16(nil, s.Port())
	segment = binary.BigEndian.AppendUint16(segment, d.Port())
	segment = binary.BigEndian.AppendUint16(segment, uint16(udpHeader+len(payload)))
	segment = append(append(segment, 0, 0), payload...)
	return join(protoUDP, s.Addr(), d.Addr(), segment, 6)
}

func TestFlipIsOneBitOfThePayload(t *testing.T) {
	for _, p := range [][]byte{
		datagram("10.0.0.1:5", "10.0.0.2:6", []byte("payload")),
		datagram("[fd00::1]:5", "[fd00::2]:6", []byte("payload")),
		datagram("10.0.0.1:5", "10.0.0.2:6", nil), // no payload: behind the ports
	} {
		parts, ok := split(p)
		if !ok {
			t.Fatalf("%x is no packet", p)
		}
		area := len(parts.payload)
		if area == 0 {
			area = udpHeader - 4
		}
		for bit := range area * 8 {
			got := flip(p, func(n int) int {
				if n != area*8 {
					t.Fatalf("a choice of %d bits, want %d", n, area*8)
				}
				return bit
			})
			changed := 0
			for i := range p {
				changed += bits.OnesCount8(p[i] ^ got[i])
			}
			if start := len(p) - area; changed != 1 || !bytes.Equal(got[:start], p[:start]) {
				t.Fatalf("bit %d: %x became %x", bit, p, got)
			}
		}
	}
}

// The sum over a segment with its right checksum is 0 or, in ones' complement, its twin.
func TestChecksum(t *testing.T) {
	for _, payload := range []string{"", "a", "ab", "payload"} {
		for _, p := range [][]byte{
			datagram("10.0.0.1:5", "10.0.0.2:6", []byte(payload)), datagram("[fd00::1]:5", "[fd00::2]:6", []byte(payload)),
		} {
			parts, _ := split(p)
			if sum := checksum(protoUDP, parts.src, parts.dst, parts.segment); sum != 0 && sum != 0xffff {
				t.Errorf("%x: sum %#x", p, sum)
			}
		}
	}
}

func query(t *testing.T, name string) []byte {
	t.Helper()
	m := dnsmessage.Message{Header: dnsmessage.Header{ID: 77, RecursionDesired: true},
		Questions: []dnsmessage.Question{{Name: dnsmessage.MustNewName(name), Type: dnsmessage.TypeAAAA, Class: dnsmessage.ClassINET}}}
	b, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestResolverAnswersInTheServersName(t *testing.T) {
	r := resolver{rule: chaos.DNSRule{Names: []string{"example"}, Answer: "nxdomain"}}
	asked := datagram("10.0.0.1:4000", "10.0.0.2:53", query(t, "WWW.example."))
	f := r.judge(0, packet{size: len(asked), data: asked})
	if !f.drop {
		t.Fatal("the query passes")
	}
	parts, ok := split(f.send)
	if !ok || parts.src.String() != "10.0.0.2" || parts.dst.String() != "10.0.0.1" ||
		binary.BigEndian.Uint16(parts.segment) != 53 || binary.BigEndian.Uint16(parts.segment[2:]) != 4000 {
		t.Fatalf("the answer is %x", f.send)
	}
	var m dnsmessage.Message
	if err := m.Unpack(parts.payload); err != nil {
		t.Fatal(err)
	}
	if m.ID != 77 || !m.Response || m.RCode != dnsmessage.RCodeNameError || len(m.Questions) != 1 || m.Questions[0].Name.String() != "WWW.example." {
		t.Errorf("the answer says %+v", m)
	}
	for _, other := range [][]byte{
		datagram("10.0.0.1:4000", "10.0.0.2:53", query(t, "example.org.")),
		datagram("10.0.0.1:4000", "10.0.0.2:53", []byte("no DNS at all")),
		parts.segment, // no IP packet
	} {
		if f := r.judge(5, packet{size: len(other), data: other}); f.drop || f.due != 5 {
			t.Errorf("%q: %+v", other, f)
		}
	}
}

func FuzzPackets(f *testing.F) {
	f.Add(datagram("10.0.0.1:4000", "10.0.0.2:53", []byte("payload")))
	f.Add(datagram("[fd00::1]:4000", "[fd00::2]:53", nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		flip(b, func(n int) int { return n - 1 })
		for _, answer := range []string{"nxdomain", "timeout"} {
			if got := (resolver{rule: chaos.DNSRule{Answer: answer}}).judge(0, packet{size: len(b), data: b}); got.send != nil {
				if _, ok := split(got.send); !ok {
					t.Errorf("%x is answered by %x", b, got.send)
				}
			}
		}
	})
}

func TestConcerns(t *testing.T) {
	rule := chaos.NetRule{Peers: mustPrefixes("10.0.0.0/24", "fd00::/64"), Spare: mustPrefixes("10.0.0.9/32"), Ports: []uint16{80}}
	for _, tc := range []struct {
		local, remote string
		want          bool
	}{
		{"10.0.0.1:80", "10.0.0.2:4000", true},
		{"10.0.0.1:4000", "10.0.0.2:80", true},
		{"[::ffff:10.0.0.1]:80", "[::ffff:10.0.0.2]:4000", true},
		{"[fd00::1]:80", "[fd00::2]:4000", true},
		{"10.0.0.1:81", "10.0.0.2:4000", false},
		{"10.0.0.1:80", "10.0.0.9:4000", false},
		{"10.0.0.1:80", "10.0.1.2:4000", false},
		{"10.0.0.1:80", "10.0.0.1:4000", false}, // itself
		{"127.0.0.1:80", "127.0.0.1:4000", false},
	} {
		if got := concerns(rule, netip.MustParseAddrPort(tc.local), netip.MustParseAddrPort(tc.remote)); got != tc.want {
			t.Errorf("%s - %s: %t", tc.local, tc.remote, got)
		}
	}
}
