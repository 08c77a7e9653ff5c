//go:build linux

package netfault

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// ownMark is on the packets that this process sends itself, so that no rule concerns them. It does not leave the namespace.
const ownMark = 0x67617574 // "gaut"

// injector sends whole IP packets.
type injector struct{ fd4, fd6 int }

// newInjector needs CAP_NET_RAW.
func newInjector() (*injector, error) {
	fd4, err := rawSocket(unix.AF_INET)
	if err != nil {
		return nil, err
	}
	fd6, err := rawSocket(unix.AF_INET6)
	if err != nil && !errors.Is(err, unix.EAFNOSUPPORT) {
		return nil, errors.Join(err, unix.Close(fd4))
	}
	return &injector{fd4: fd4, fd6: fd6}, nil
}

// rawSocket is -1 on error.
func rawSocket(family int) (int, error) {
	fd, err := unix.Socket(family, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.IPPROTO_RAW)
	if err != nil {
		return -1, fmt.Errorf("raw socket (CAP_NET_RAW): %w", err)
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_MARK, ownMark); err != nil {
		return -1, errors.Join(fmt.Errorf("mark of raw socket (CAP_NET_ADMIN): %w", err), unix.Close(fd))
	}
	return fd, nil
}

// send sends a packet. One that can't be sent, such as one longer than the MTU, is lost like others on a network.
func (i *injector) send(packet []byte) error {
	p, ok := split(packet)
	switch {
	case !ok:
		return errors.New("no whole IP packet")
	case p.dst.Is4():
		return unix.Sendto(i.fd4, packet, 0, &unix.SockaddrInet4{Addr: p.dst.As4()})
	}
	return unix.Sendto(i.fd6, packet, 0, &unix.SockaddrInet6{Addr: p.dst.As16()})
}

func (i *injector) close() error {
	err := unix.Close(i.fd4)
	if i.fd6 >= 0 {
		err = errors.Join(err, unix.Close(i.fd6))
	}
	return err
}
