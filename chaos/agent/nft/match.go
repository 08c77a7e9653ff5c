//go:build linux

package nft

import (
	"encoding/binary"
	"net/netip"

	"github.com/google/nftables/expr"
	"github.com/google/nftables/xt"
	"golang.org/x/sys/unix"
)

// Where TCP keeps its flags, what they are, and the first and last of the types of ICMPv6 for neighbours.
const (
	tcpFlags = 13
	flagSYN  = 0x02
	flagRST  = 0x04
	flagACK  = 0x10

	routerSolicitation, redirect = 133, 137
)

// Jump goes to another chain and comes back.
func Jump(chain string) []expr.Any { return verdict(expr.VerdictJump, chain) }

// Goto goes to another chain for good.
func Goto(chain string) []expr.Any { return verdict(expr.VerdictGoto, chain) }

// Return goes back to where the chain was jumped to from.
func Return() []expr.Any { return verdict(expr.VerdictReturn, "") }

// Accept ends the chain's hook; later hooks still see the packet.
func Accept() []expr.Any { return verdict(expr.VerdictAccept, "") }

// Drop makes the packet disappear.
func Drop() []expr.Any { return verdict(expr.VerdictDrop, "") }

// Untrack keeps connection tracking from seeing the packet, if it is before it (priority -200).
func Untrack() []expr.Any { return []expr.Any{&expr.Notrack{}} }

func verdict(kind expr.VerdictKind, chain string) []expr.Any {
	return []expr.Any{&expr.Verdict{Kind: kind, Chain: chain}}
}

// RejectTCP drops the packet and answers its sender with a TCP RST.
func RejectTCP() []expr.Any { return []expr.Any{&expr.Reject{Type: unix.NFT_REJECT_TCP_RST}} }

// Queue hands the packet to the listener of an NFQUEUE, and lets it pass if there is none. Kernels may have either of two
// ways: nftables' own expression, or the target of iptables, which nftables can use too.
func Queue(number uint16, iptables bool) []expr.Any {
	if !iptables {
		return []expr.Any{&expr.Queue{Num: number, Total: 1, Flag: expr.QueueFlagBypass}}
	}
	// struct xt_NFQ_info_v3: number, count, flags (1 is bypass), padded to 8 bytes.
	info := binary.NativeEndian.AppendUint16(nil, number)
	info = binary.NativeEndian.AppendUint16(info, 1)
	info = append(binary.NativeEndian.AppendUint16(info, 1), 0, 0)
	unknown := xt.Unknown(info)
	return []expr.Any{&expr.Target{Name: "NFQUEUE", Rev: 3, Info: &unknown}}
}

// Loopback matches packets that enter or leave by a loopback device.
func Loopback(in bool) []expr.Any {
	key := expr.MetaKeyOIFTYPE
	if in {
		key = expr.MetaKeyIIFTYPE
	}
	return meta(key, binary.NativeEndian.AppendUint16(nil, unix.ARPHRD_LOOPBACK))
}

// Mark matches packets whose mark has these bits, of those in mask.
func Mark(mark, mask uint32) []expr.Any {
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeyMARK, Register: 1},
		&expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: 4, Mask: binary.NativeEndian.AppendUint32(nil, mask), Xor: make([]byte, 4)},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: binary.NativeEndian.AppendUint32(nil, mark)},
	}
}

// Protocol matches packets of an IP protocol, such as unix.IPPROTO_TCP.
func Protocol(proto uint8) []expr.Any { return meta(expr.MetaKeyL4PROTO, []byte{proto}) }

// SourcePort and DestinationPort match TCP and UDP; check the protocol first.
func SourcePort(port uint16) []expr.Any {
	return transport(0, binary.BigEndian.AppendUint16(nil, port))
}

// DestinationPort is SourcePort's counterpart.
func DestinationPort(port uint16) []expr.Any {
	return transport(2, binary.BigEndian.AppendUint16(nil, port))
}

// NoReset matches TCP segments without RST; check the protocol first.
func NoReset() []expr.Any { return flags(flagRST, 0) }

// Opening matches the first segment of a TCP connection; check the protocol first.
func Opening() []expr.Any { return flags(flagSYN|flagACK, flagSYN) }

// Neighbours matches the packets by which IPv6 finds the link addresses of others, as ARP does for IPv4 out of our sight.
func Neighbours() []expr.Any {
	return append(Protocol(unix.IPPROTO_ICMPV6),
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Len: 1},
		&expr.Cmp{Op: expr.CmpOpGte, Register: 1, Data: []byte{routerSolicitation}},
		&expr.Cmp{Op: expr.CmpOpLte, Register: 1, Data: []byte{redirect}})
}

func flags(mask, want byte) []expr.Any {
	return []expr.Any{
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: tcpFlags, Len: 1},
		&expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: 1, Mask: []byte{mask}, Xor: []byte{0}},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{want}},
	}
}

func transport(offset uint32, want []byte) []expr.Any {
	return []expr.Any{
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: offset, Len: uint32(len(want))},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: want},
	}
}

func meta(key expr.MetaKey, want []byte) []expr.Any {
	return []expr.Any{&expr.Meta{Key: key, Register: 1}, &expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: want}}
}

// Remote matches the other end's address: the source of a packet that comes in, the destination of one that goes out.
func Remote(in bool, p netip.Prefix) []expr.Any {
	addr := p.Masked().Addr().AsSlice()
	family, offset := byte(unix.NFPROTO_IPV4), uint32(16)
	if p.Addr().Is6() {
		family, offset = unix.NFPROTO_IPV6, 24
	}
	if in {
		offset -= uint32(len(addr))
	}
	match := meta(expr.MetaKeyNFPROTO, []byte{family})
	if p.Bits() == 0 {
		return match
	}
	match = append(match, &expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: offset, Len: uint32(len(addr))})
	if p.Bits() < len(addr)*8 {
		match = append(match, &expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: uint32(len(addr)), Mask: mask(p.Bits(), len(addr)), Xor: make([]byte, len(addr))})
	}
	return append(match, &expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: addr})
}

func mask(bits, size int) []byte {
	m := make([]byte, size)
	for i := range bits {
		m[i/8] |= 0x80 >> (i % 8)
	}
	return m
}
