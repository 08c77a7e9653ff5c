//go:build linux

package netfault

import (
	"errors"
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Marks of the packets that this process sends itself: ownMark and, in the lowest byte, the slot of the sender plus 1, so
// that they pass the chains behind that slot's and no others. A mark does not leave the namespace.
const (
	ownMark     = 0x67617500 // "gau"
	ownMarkMask = 0xffffff00
)

// localMark is on packets of our own that this namespace itself receives: doubles of what came in, answers in another's name.
// They are routed through loopback, and connection tracking must not take them for connections of their own, which would
// keep the true ones from being translated.
const localMark = ownMark | 0xff

func slotMark(slot int) uint32 { return ownMark | uint32(slot+1) }

// injector sends whole IP packets in batches. It keeps the memory of those it has sent for the next ones.
type injector struct {
	v4, v6 *parcels // v6 is nil without IPv6
	spare  [len(sizes)][][]byte
	done   func([]byte)
	lost   int // could not be sent, such as those longer than the MTU
}

// newInjector needs CAP_NET_RAW and CAP_NET_ADMIN.
func newInjector(mark uint32) (*injector, error) {
	fd4, err := rawSocket(unix.AF_INET, mark)
	if err != nil {
		return nil, err
	}
	i := &injector{v4: newParcels(fd4)}
	i.done = i.giveBack
	fd6, err := rawSocket(unix.AF_INET6, mark)
	switch {
	case errors.Is(err, unix.EAFNOSUPPORT):
	case err != nil:
		return nil, errors.Join(err, unix.Close(fd4))
	default:
		i.v6 = newParcels(fd6)
	}
	return i, nil
}

func rawSocket(family int, mark uint32) (int, error) {
	fd, err := unix.Socket(family, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.IPPROTO_RAW)
	if err != nil {
		return -1, fmt.Errorf("raw socket (CAP_NET_RAW): %w", err)
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_MARK, int(mark)); err != nil {
		return -1, errors.Join(fmt.Errorf("mark of raw socket (CAP_NET_ADMIN): %w", err), unix.Close(fd))
	}
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, 16<<20)
	return fd, nil
}

// sizes are those of the pieces of memory that are kept for packets: most are empty acknowledgements or full ones.
var sizes = [...]int{128, 2 << 10}

// maxSpare is how many pieces of each size are kept.
const maxSpare = 8 << 10

// keep copies data into memory that send takes back.
//
// Note: a collector that had to tidy up behind it would make the packet thread wait for threads that have no priority.
func (i *injector) keep(data []byte) []byte {
	for class, size := range sizes {
		if len(data) > size {
			continue
		}
		if n := len(i.spare[class]); n > 0 {
			b := i.spare[class][n-1]
			i.spare[class] = i.spare[class][:n-1]
			return append(b[:0], data...)
		}
		return append(make([]byte, 0, size), data...)
	}
	return append([]byte(nil), data...)
}

func (i *injector) giveBack(b []byte) {
	for class, size := range sizes {
		if cap(b) == size && len(i.spare[class]) < maxSpare {
			i.spare[class] = append(i.spare[class], b)
		}
	}
}

// send puts a packet in the next batch. One that can't be sent is lost, like others on a network.
func (i *injector) send(packet []byte) {
	switch {
	case len(packet) >= ip4Header && packet[0]>>4 == 4:
		name := unix.RawSockaddrInet4{Family: unix.AF_INET, Addr: [4]byte(packet[16:20])}
		if i.v4.add(packet, (*[unix.SizeofSockaddrInet4]byte)(unsafe.Pointer(&name))[:]) {
			i.flush()
		}
	case len(packet) >= ip6Header && packet[0]>>4 == 6 && i.v6 != nil:
		name := unix.RawSockaddrInet6{Family: unix.AF_INET6, Addr: [16]byte(packet[24:40])}
		if i.v6.add(packet, (*[unix.SizeofSockaddrInet6]byte)(unsafe.Pointer(&name))[:]) {
			i.flush()
		}
	default:
		i.lost++
	}
}

func (i *injector) flush() {
	i.lost += i.v4.send(i.done)
	if i.v6 != nil {
		i.lost += i.v6.send(i.done)
	}
}

func (i *injector) close() error {
	err := unix.Close(i.v4.fd)
	if i.v6 != nil {
		err = errors.Join(err, unix.Close(i.v6.fd))
	}
	return err
}
