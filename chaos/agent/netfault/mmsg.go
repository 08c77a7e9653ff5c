//go:build linux

package netfault

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// mmsghdr is struct mmsghdr of recvmmsg(2).
type mmsghdr struct {
	hdr unix.Msghdr
	n   uint32
}

// mailbox reads many datagrams in one system call.
type mailbox struct {
	headers []mmsghdr
	vectors []unix.Iovec
	buffers [][]byte
}

// newMailbox has room for count datagrams of size bytes.
func newMailbox(count, size int) *mailbox {
	m := &mailbox{headers: make([]mmsghdr, count), vectors: make([]unix.Iovec, count), buffers: make([][]byte, count)}
	space := make([]byte, count*size)
	for i := range count {
		m.buffers[i] = space[i*size : (i+1)*size]
		m.vectors[i].Base = &m.buffers[i][0]
		m.vectors[i].SetLen(size)
		m.headers[i].hdr.Iov = &m.vectors[i]
		m.headers[i].hdr.SetIovlen(1)
	}
	return m
}

// read gives how many datagrams it got; it does not wait.
func (m *mailbox) read(fd int) (int, error) {
	n, _, errno := unix.Syscall6(unix.SYS_RECVMMSG, uintptr(fd), uintptr(unsafe.Pointer(&m.headers[0])), uintptr(len(m.headers)), unix.MSG_DONTWAIT, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}

// message is the datagram at index i of the last read.
func (m *mailbox) message(i int) []byte { return m.buffers[i][:m.headers[i].n] }

// parcels sends many packets in one system call.
type parcels struct {
	fd      int
	packets [][]byte
	headers []mmsghdr
	vectors []unix.Iovec
	names   [][unix.SizeofSockaddrInet6]byte
}

// maxParcels is the most that wait for one call.
const maxParcels = 64

func newParcels(fd int) *parcels {
	return &parcels{fd: fd, headers: make([]mmsghdr, maxParcels), vectors: make([]unix.Iovec, maxParcels), names: make([][unix.SizeofSockaddrInet6]byte, maxParcels)}
}

// add puts a packet for the address in name; full says that it is time to send.
func (p *parcels) add(packet []byte, name []byte) (full bool) {
	i := len(p.packets)
	p.packets = append(p.packets, packet)
	p.vectors[i].Base = &packet[0]
	p.vectors[i].SetLen(len(packet))
	copy(p.names[i][:], name)
	h := &p.headers[i].hdr
	h.Name, h.Namelen = &p.names[i][0], uint32(len(name))
	h.Iov = &p.vectors[i]
	h.SetIovlen(1)
	return i+1 == maxParcels
}

// send sends what was put, and says how many could not be sent. done gets each packet's memory back.
func (p *parcels) send(done func([]byte)) (lost int) {
	for sent := 0; sent < len(p.packets); {
		n, _, errno := unix.Syscall6(unix.SYS_SENDMMSG, uintptr(p.fd), uintptr(unsafe.Pointer(&p.headers[sent])), uintptr(len(p.packets)-sent), unix.MSG_DONTWAIT, 0, 0)
		if errno != 0 {
			n = 1 // the first one can't be sent; the others may
			lost++
		}
		sent += int(n)
	}
	for i, packet := range p.packets {
		done(packet)
		p.packets[i] = nil
	}
	p.packets = p.packets[:0]
	return lost
}
