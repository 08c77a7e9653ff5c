//go:build linux

package netfault

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"

	"gauntlet/chaos/agent/nft"
)

// Sizes and states of linux/inet_diag.h.
const (
	diagID     = 48                                                     // struct inet_diag_sockid
	diagStates = 1<<1 | 1<<2 | 1<<3 | 1<<4 | 1<<5 | 1<<8 | 1<<9 | 1<<11 // connections in every state but TIME_WAIT and CLOSE
)

// breakConnections ends every TCP connection of the namespace that match picks, at once and at both ends: the socket fails
// with ECONNABORTED or ECONNRESET, and the other end gets RST. It says how many, or errors.ErrUnsupported if this kernel
// can't (CONFIG_INET_DIAG_DESTROY).
func breakConnections(match func(local, remote netip.AddrPort) bool) (int, error) {
	conn, err := nft.Dial(unix.NETLINK_SOCK_DIAG)
	if err != nil {
		return 0, err
	}
	broken := 0
	for _, family := range []uint8{unix.AF_INET, unix.AF_INET6} {
		var ids [][]byte
		ask := nft.Message{Type: unix.SOCK_DIAG_BY_FAMILY, Body: diagRequest(family, make([]byte, diagID))}
		err = conn.Dump(ask, func(_ uint16, b []byte) {
			if len(b) >= 4+diagID && b[0] == family && match(ends(family, b[4:])) {
				ids = append(ids, append([]byte(nil), b[4:4+diagID]...))
			}
		})
		if err != nil && !errors.Is(err, nft.ErrChanged) {
			return broken, errors.Join(fmt.Errorf("list connections: %w", err), conn.Close())
		}
		for _, id := range ids {
			err := conn.Do(0, nft.Message{Type: unix.SOCK_DESTROY, Body: diagRequest(family, id)})
			switch {
			case err == nil:
				broken++
			case errors.Is(err, unix.EOPNOTSUPP):
				return broken, errors.Join(errors.ErrUnsupported, conn.Close())
			case !errors.Is(err, unix.ENOENT): // it has just ended
				return broken, errors.Join(fmt.Errorf("break a connection: %w", err), conn.Close())
			}
		}
	}
	return broken, conn.Close()
}

// diagRequest is struct inet_diag_req_v2.
func diagRequest(family uint8, id []byte) []byte {
	b := binary.NativeEndian.AppendUint32([]byte{family, unix.IPPROTO_TCP, 0, 0}, diagStates)
	return append(b, id...)
}

// ends reads struct inet_diag_sockid.
func ends(family uint8, id []byte) (local, remote netip.AddrPort) {
	addr := func(b []byte) netip.Addr {
		if family == unix.AF_INET {
			return netip.AddrFrom4([4]byte(b[:4]))
		}
		return netip.AddrFrom16([16]byte(b[:16])).Unmap()
	}
	local = netip.AddrPortFrom(addr(id[4:]), binary.BigEndian.Uint16(id))
	return local, netip.AddrPortFrom(addr(id[20:]), binary.BigEndian.Uint16(id[2:]))
}
