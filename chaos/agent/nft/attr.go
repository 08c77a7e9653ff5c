//go:build linux

package nft

import (
	"bytes"
	"encoding/binary"
	"iter"

	"golang.org/x/sys/unix"
)

// Attributes gives the netlink attributes in b: kind without flags, and value. Broken ones end it.
func Attributes(b []byte) iter.Seq2[uint16, []byte] {
	return func(yield func(uint16, []byte) bool) {
		for len(b) >= 4 {
			size := int(binary.NativeEndian.Uint16(b))
			kind := binary.NativeEndian.Uint16(b[2:]) &^ (unix.NLA_F_NESTED | unix.NLA_F_NET_BYTEORDER)
			if size < 4 || size > len(b) || !yield(kind, b[4:size]) {
				return
			}
			b = b[min(align(size), len(b)):]
		}
	}
}

// Attribute appends one attribute to b.
func Attribute(b []byte, kind uint16, value []byte) []byte {
	b = binary.NativeEndian.AppendUint16(b, uint16(4+len(value)))
	b = binary.NativeEndian.AppendUint16(b, kind)
	return pad(append(b, value...))
}

// Family is struct nfgenmsg, which every netfilter message begins with.
func Family(family uint8, resource uint16) []byte {
	return []byte{family, unix.NFNETLINK_V0, byte(resource >> 8), byte(resource)}
}

func nested(b []byte, kind uint16, value []byte) []byte {
	return Attribute(b, kind|unix.NLA_F_NESTED, value)
}

func word(b []byte, kind uint16, value string) []byte {
	return Attribute(b, kind, append([]byte(value), 0))
}

func number(b []byte, kind uint16, value uint32) []byte {
	return Attribute(b, kind, binary.BigEndian.AppendUint32(nil, value))
}

// text is a string of C.
func text(b []byte) string {
	b, _, _ = bytes.Cut(b, []byte{0})
	return string(b)
}

func align(n int) int { return (n + 3) &^ 3 }

func pad(b []byte) []byte {
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}
