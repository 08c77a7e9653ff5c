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
