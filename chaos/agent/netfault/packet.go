package netfault

import (
	"encoding/binary"
	"net/netip"
	"slices"
)

// Protocol numbers and header lengths in bytes.
const (
	protoTCP, protoUDP        = 6, 17
	ip4Header, ip6Header      = 20, 40
	udpHeader, tcpHeader      = 8, 20
	flagRST, flagACK     byte = 0x04, 0x10
)

// parts are the parts of an IP packet.
type parts struct {
	proto    byte
	src, dst netip.Addr
	segment  []byte // from the transport header on
	payload  []byte // what the transport header is followed by
}

// split takes an IP packet apart; not ok if it is no whole one. Extension headers of IPv6 are left in the segment, with
// their own protocol number.
func split(b []byte) (parts, bool) {
	var p parts
	switch {
	case len(b) >= ip4Header && b[0]>>4 == 4:
		head := int(b[0]&15) * 4
		if head < ip4Header || head > len(b) {
			return p, false
		}
		p = parts{proto: b[9], src: netip.AddrFrom4([4]byte(b[12:16])), dst: netip.AddrFrom4([4]byte(b[16:20])), segment: b[head:]}
	case len(b) >= ip6Header && b[0]>>4 == 6:
		p = parts{proto: b[6], src: netip.AddrFrom16([16]byte(b[8:24])), dst: netip.AddrFrom16([16]byte(b[24:40])), segment: b[ip6Header:]}
	default:
		return p, false
	}
	head := udpHeader
	if p.proto == protoTCP {
		if len(p.segment) < tcpHeader {
			return p, false
		}
		head = max(int(p.segment[12]>>4)*4, tcpHeader)
	}
	if head > len(p.segment) {
		return p, false
	}
	p.payload = p.segment[head:]
	return p, true
}

// flip gives a copy of an IP packet with one bit of its payload flipped; pick chooses in [0,n). Without a payload, the bit is
// in the transport header behind the ports.
func flip(packet []byte, pick func(n int) int) []byte {
	b := slices.Clone(packet)
	area := b
	if p, ok := split(b); ok {
		area = p.payload
		if len(area) == 0 {
			area = p.segment[4:]
		}
	}
	if len(area) > 0 {
		bit := pick(len(area) * 8)
		area[bit/8] ^= 1 << (bit % 8)
	}
	return b
}

// join makes an IP packet of a transport segment, with the segment's checksum at offset sum.
func join(proto byte, src, dst netip.Addr, segment []byte, sum int) []byte {
	binary.BigEndian.PutUint16(segment[sum:], checksum(proto, src, dst, segment))
	if src.Is4() {
		b := make([]byte, ip4Header, ip4Header+len(segment))
		b[0], b[8], b[9] = 0x45, 64, proto // the kernel fills in length, identification and checksum
		copy(b[12:], src.AsSlice())
		copy(b[16:], dst.AsSlice())
		return append(b, segment...)
	}
	b := make([]byte, ip6Header, ip6Header+len(segment))
	b[0], b[6], b[7] = 0x60, proto, 64
	binary.BigEndian.PutUint16(b[4:], uint16(len(segment)))
	copy(b[8:], src.AsSlice())
	copy(b[24:], dst.AsSlice())
	return append(b, segment...)
}

// checksum is that of TCP and UDP over the segment, whose own field must be 0, and its addresses. RFC 1071, RFC 8200.
func checksum(proto byte, src, dst netip.Addr, segment []byte) uint16 {
	sum := uint32(proto) + uint32(len(segment))
	for _, part := range [][]byte{src.AsSlice(), dst.AsSlice(), segment} {
		for len(part) >= 2 {
			sum += uint32(binary.BigEndian.Uint16(part))
			part = part[2:]
		}
		if len(part) == 1 {
			sum += uint32(part[0]) << 8
		}
	}
	for sum>>16 != 0 {
		sum = sum&0xffff + sum>>16
	}
	if sum == 0xffff {
		return 0xffff // 0 would say that there is none
	}
	return ^uint16(sum)
}
