//go:build linux

package httpfault

import (
	"encoding/binary"
	"errors"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// destroyEstablished resets the connections that others have to these ports, at both ends. Where the kernel can't (no
// CONFIG_INET_DIAG_DESTROY), the table's RST meets their next packet instead.
func destroyEstablished(ports []uint16) {
	wanted := map[uint16]bool{}
	for _, p := range ports {
		wanted[p] = true
	}
	for _, family := range []uint8{unix.AF_INET, unix.AF_INET6} {
		socks, err := netlink.SocketDiagTCP(family)
		if err != nil {
			continue
		}
		for _, s := range socks {
			if s.State == netlink.TCP_ESTABLISHED && wanted[s.ID.SourcePort] && !s.ID.Source.Equal(s.ID.Destination) && !s.ID.Destination.IsLoopback() {
				_ = destroy(s.ID) // it may have ended by itself
			}
		}
	}
}

// destroyRequest is struct inet_diag_req_v2 of the kernel: a connection by its addresses and its cookie.
//
// The cookie is what makes this safe. Without it the kernel, asked for a connection that has just ended, finds the socket that listens
// on the port instead and destroys that: the server would be told that its listener is broken, and die.
type destroyRequest struct{ id netlink.SocketID }

// Len implements nl.NetlinkRequestData.
func (destroyRequest) Len() int { return 56 }

// Serialize implements nl.NetlinkRequestData.
func (r destroyRequest) Serialize() []byte {
	family, source, destination := byte(unix.AF_INET), []byte(r.id.Source.To4()), []byte(r.id.Destination.To4())
	if source == nil || destination == nil {
		family, source, destination = unix.AF_INET6, r.id.Source.To16(), r.id.Destination.To16()
	}
	b := make([]byte, 56)
	b[0], b[1] = family, unix.IPPROTO_TCP
	binary.NativeEndian.PutUint32(b[4:], 1<<netlink.TCP_ESTABLISHED)
	binary.BigEndian.PutUint16(b[8:], r.id.SourcePort)
	binary.BigEndian.PutUint16(b[10:], r.id.DestinationPort)
	copy(b[12:28], source)
	copy(b[28:44], destination)
	binary.NativeEndian.PutUint32(b[44:], r.id.Interface)
	binary.NativeEndian.PutUint32(b[48:], r.id.Cookie[0])
	binary.NativeEndian.PutUint32(b[52:], r.id.Cookie[1])
	return b
}

// errNoCookie means that a socket can't be told from another in its place.
var errNoCookie = errors.New("the socket has no cookie")

// destroy ends one connection, or fails if it has ended already.
func destroy(id netlink.SocketID) error {
	if id.Cookie == [2]uint32{} || id.Cookie == [2]uint32{^uint32(0), ^uint32(0)} {
		return errNoCookie
	}
	req := nl.NewNetlinkRequest(nl.SOCK_DESTROY, unix.NLM_F_ACK)
	req.AddData(destroyRequest{id})
	_, err := req.Execute(unix.NETLINK_INET_DIAG, 0)
	return err
}
