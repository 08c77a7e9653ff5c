//go:build linux

package httpfault

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"

	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"gauntlet/chaos/agent/nft"
)

// The table's chains. The first sees a connection's first packet before routing, the second all packets that come in.
const (
	redirects = "redirect"
	resets    = "reset"
)

// table is a diverter of nftables.
type table struct{ *nft.Table }

func openTable() (diverter, error) {
	t, err := nft.Open(TableName)
	if err != nil {
		return nil, err
	}
	return table{t}, nil
}

// divert fills the two chains. A redirected packet comes in with the proxy's port, so what still has one of ours when it comes
// in belongs to a connection from before.
//
// Note: the chains stay when there is nothing to divert, and a rule that does nothing but read the state of connections. Without
// a nat chain and a user of connection tracking in the namespace the kernel would, some milliseconds later, no longer translate
// the packets of running connections; and taking a hook away drops what waits in other faults' queues.
func (t table) divert(ports []uint16, to uint16) error {
	nat := nft.Chain{Name: redirects, Hook: &nft.Hook{Number: unix.NF_INET_PRE_ROUTING, Priority: -100, NAT: true}}
	filter := nft.Chain{Name: resets, Hook: &nft.Hook{Number: unix.NF_INET_LOCAL_IN}, Rules: []nft.Rule{
		{Tag: "keep connection tracking", Exprs: []expr.Any{&expr.Ct{Key: expr.CtKeySTATE, Register: 1}}},
	}}
	for _, p := range ports {
		incoming := slices.Concat(notLoopback(), nft.Protocol(unix.IPPROTO_TCP), nft.DestinationPort(p))
		tag := strconv.Itoa(int(p))
		nat.Rules = append(nat.Rules, nft.Rule{Tag: tag, Exprs: slices.Concat(incoming, redirect(to))})
		filter.Rules = append(filter.Rules, nft.Rule{Tag: tag, Exprs: slices.Concat(incoming, nft.NoReset(), nft.RejectTCP())})
	}
	return t.Swap([]nft.Chain{nat, filter})
}

func (t table) diverted() ([]uint16, error) {
	state, err := t.Read()
	if err != nil {
		return nil, err
	}
	if !state.Ours {
		return nil, fmt.Errorf("http: the nftables table %s is gone", TableName)
	}
	var ports []uint16
	for _, r := range state.Rules {
		if p, err := strconv.ParseUint(r.Tag, 10, 16); err == nil && r.Chain == redirects {
			ports = append(ports, uint16(p))
		}
	}
	slices.Sort(ports)
	return ports, nil
}

func (t table) close() error {
	if err := t.Remove(); err != nil {
		_ = t.Close() // the kernel removes the table with its owner
		return err
	}
	return t.Close()
}

// notLoopback matches packets that came over a network.
func notLoopback() []expr.Any {
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeyIIFTYPE, Register: 1},
		&expr.Cmp{Op: expr.CmpOpNeq, Register: 1, Data: binary.NativeEndian.AppendUint16(nil, unix.ARPHRD_LOOPBACK)},
	}
}

// redirect sends a connection to a port of this network namespace.
func redirect(to uint16) []expr.Any {
	return []expr.Any{
		&expr.Immediate{Register: 1, Data: binary.BigEndian.AppendUint16(nil, to)},
		&expr.Redir{RegisterProtoMin: 1},
	}
}
