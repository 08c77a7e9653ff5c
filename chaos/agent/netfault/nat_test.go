//go:build linux

package netfault

import (
	"encoding/binary"
	"slices"
	"testing"

	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"gauntlet/chaos"
	"gauntlet/chaos/agent/nft"
)

// redirect sends what goes to one port (and, on its way out, to 127.0.0.11) to another one, by address translation.
func (b *bed) redirect(hook uint32, priority int32, from, to uint16) {
	b.Helper()
	match := nft.DestinationPort(from)
	if hook == unix.NF_INET_LOCAL_OUT {
		match = slices.Concat(nft.Remote(false, mustPrefixes("127.0.0.11/32")[0]), match)
	}
	var table *nft.Table
	err := b.target.Do(func() (err error) {
		if table, err = nft.Open("theirs"); err != nil {
			return err
		}
		load := []expr.Any{&expr.Immediate{Register: 1, Data: binary.BigEndian.AppendUint16(nil, to)}}
		act := []expr.Any{&expr.Redir{RegisterProtoMin: 1}}
		if hook == unix.NF_INET_LOCAL_OUT { // as Docker's: the address stays
			load = append(load, &expr.Immediate{Register: 2, Data: []byte{127, 0, 0, 11}})
			act = []expr.Any{&expr.NAT{Type: expr.NATTypeDestNAT, Family: unix.NFPROTO_IPV4, RegAddrMin: 2, RegProtoMin: 1}}
		}
		return table.Swap([]nft.Chain{{Name: "nat", Hook: &nft.Hook{Number: hook, Priority: priority, NAT: true}, Rules: []nft.Rule{
			{Tag: "udp", Exprs: slices.Concat(nft.Protocol(unix.IPPROTO_UDP), match, load, act)},
			{Tag: "tcp", Exprs: slices.Concat(nft.Protocol(unix.IPPROTO_TCP), match, load, act)},
		}}})
	})
	if err != nil {
		b.Fatalf("address translation: %v", err)
	}
	b.Cleanup(func() { _ = table.Close() })
}

// Rules live together with address translation of the target's own, such as a proxy before its port.
func TestTranslatedPort(t *testing.T) {
	b := newBed(t)
	b.redirect(unix.NF_INET_PRE_ROUTING, -100, 7200, 7000)
	b.works(b.peer, "10.213.77.1:7200")
	for _, r := range []chaos.NetRule{
		{Delay: 1e6},
		{Duplicate: 1},
		{Loss: 0.02, Corrupt: 0.02, Duplicate: 0.05, Delay: 1e6, Jitter: 1e6, Seed: 2},
	} {
		b.apply("x", r)
		for range 3 {
			b.bulk(b.dial(b.peer, "10.213.77.1:7200"), 300_000)
		}
	}
}

// Docker's DNS is reached by address translation. One socket asks for a name that is denied and then for one that is not.
func TestDNSThroughTranslation(t *testing.T) {
	b := newBed(t)
	serveNames(t, b.target, "127.0.0.11:5300")
	b.redirect(unix.NF_INET_LOCAL_OUT, -100, 53, 5300)
	for _, network := range []string{"udp", "tcp"} {
		if err := b.lookup(network, nameServer, "db.example.", patience); err != nil {
			t.Fatal(err)
		}
	}
	b.apply("names", chaos.NetRule{DNS: &chaos.DNSRule{Names: []string{"example"}, Answer: "nxdomain"}})
	c, err := b.target.Dial(t.Context(), "udp", nameServer)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	for range 3 {
		for name, want := range map[string]byte{"db.example.": 3, "other.test.": 0} {
			if _, err := c.Write(query(t, name)); err != nil {
				t.Fatal(err)
			}
			_ = c.SetReadDeadline(deadline())
			buf := make([]byte, 1500)
			n, err := c.Read(buf)
			if err != nil || n < 4 {
				t.Fatalf("%s: %d bytes, %v", name, n, err)
			}
			if code := buf[3] & 15; code != want {
				t.Errorf("%s: response code %d, want %d", name, code, want)
			}
		}
	}
}
