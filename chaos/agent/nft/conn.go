//go:build linux

package nft

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// patience bounds the wait for an answer of the kernel.
const patience = 5 * time.Second

// headerLen is the length of struct nlmsghdr.
const headerLen = 16

// Message is one netlink message without its header.
type Message struct {
	Type  uint16
	Flags uint16 // besides NLM_F_REQUEST and NLM_F_ACK
	Body  []byte
}

// Conn is a netlink socket in the namespace of the thread that made it, for one goroutine at a time.
type Conn struct {
	fd   int
	port uint32
	seq  uint32
	buf  []byte
}

// Dial opens a socket of one netlink protocol, such as unix.NETLINK_NETFILTER.
func Dial(protocol int) (*Conn, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, protocol)
	if err != nil {
		return nil, fmt.Errorf("netlink socket: %w", err)
	}
	c := &Conn{fd: fd, buf: make([]byte, 64<<10)}
	if err := c.bind(); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

func (c *Conn) bind() error {
	if err := unix.Bind(c.fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return fmt.Errorf("netlink bind: %w", err)
	}
	name, err := unix.Getsockname(c.fd)
	if err != nil {
		return fmt.Errorf("netlink name: %w", err)
	}
	if nl, ok := name.(*unix.SockaddrNetlink); ok {
		c.port = nl.Pid
	}
	// Shorter and better worded errors, where the kernel can.
	_ = unix.SetsockoptInt(c.fd, unix.SOL_NETLINK, unix.NETLINK_CAP_ACK, 1)
	_ = unix.SetsockoptInt(c.fd, unix.SOL_NETLINK, unix.NETLINK_EXT_ACK, 1)
	wait := unix.NsecToTimeval(patience.Nanoseconds())
	return unix.SetsockoptTimeval(c.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &wait)
}

// FD is the socket's file descriptor; it stays c's.
func (c *Conn) FD() int { return c.fd }

// Port is the socket's netlink address, by which the kernel knows an owner.
func (c *Conn) Port() uint32 { return c.port }

// Close closes the socket; what it owns in the kernel goes.
func (c *Conn) Close() error { return unix.Close(c.fd) }

// Do sends messages in one write and waits until the kernel has answered the one at index asked, which is not necessarily
// the last. The error is that of the first message that failed.
func (c *Conn) Do(asked int, msgs ...Message) error {
	first := c.seq + 1
	var out []byte
	for i, m := range msgs {
		if i == asked {
			m.Flags |= unix.NLM_F_ACK
		}
		c.seq++
		out = appendMessage(out, m, c.seq)
	}
	if err := unix.Sendto(c.fd, out, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return fmt.Errorf("netlink send: %w", err)
	}
	var failed error
	for {
		answered, err := c.acks(first, first+uint32(asked))
		if failed == nil {
			failed = err
		}
		if answered {
			return failed
		}
	}
}

// acks reads one datagram of answers. It says whether the last one is in it, or one that no other will follow.
func (c *Conn) acks(first, last uint32) (answered bool, failed error) {
	err := c.read(func(h header, body []byte) {
		if h.kind != unix.NLMSG_ERROR || h.seq < first || h.seq > last {
			return
		}
		if err := errorIn(h, body); err != nil && failed == nil {
			failed = fmt.Errorf("message %d: %w", h.seq-first, err)
		}
		// An error of a batch as a whole is reported for its first message, and may be all that comes.
		answered = answered || h.seq == last || failed != nil && h.seq == first
	})
	if err != nil {
		return true, err
	}
	return answered, failed
}

// Dump sends a question and gives every message of the answer to each. It is ErrChanged if the kernel's state changed
// meanwhile.
func (c *Conn) Dump(m Message, each func(kind uint16, body []byte)) error {
	c.seq++
	m.Flags |= unix.NLM_F_DUMP
	out := appendMessage(nil, m, c.seq)
	if err := unix.Sendto(c.fd, out, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return fmt.Errorf("netlink send: %w", err)
	}
	var failed error
	for done := false; !done; {
		err := c.read(func(h header, body []byte) {
			if h.seq != c.seq {
				return
			}
			if h.flags&unix.NLM_F_DUMP_INTR != 0 {
				failed = ErrChanged
			}
			switch h.kind {
			case unix.NLMSG_DONE:
				done = true
			case unix.NLMSG_ERROR:
				done, failed = true, errorIn(h, body)
			default:
				each(h.kind, body)
			}
		})
		if err != nil {
			return err
		}
	}
	return failed
}

// ErrChanged says that the kernel's state changed while it was read; read again.
var ErrChanged = errors.New("changed while it was read")

type header struct {
	kind, flags uint16
	seq         uint32
}

// read waits for one datagram and gives each message in it.
func (c *Conn) read(each func(h header, body []byte)) error {
	n, _, err := unix.Recvfrom(c.fd, c.buf, 0)
	for errors.Is(err, unix.EINTR) {
		n, _, err = unix.Recvfrom(c.fd, c.buf, 0)
	}
	if err != nil {
		return fmt.Errorf("netlink receive: %w", err)
	}
	for b := c.buf[:n]; len(b) >= headerLen; {
		size := int(binary.NativeEndian.Uint32(b))
		if size < headerLen || size > len(b) {
			return fmt.Errorf("netlink receive: a message of %d bytes in %d", size, len(b))
		}
		h := header{kind: binary.NativeEndian.Uint16(b[4:]), flags: binary.NativeEndian.Uint16(b[6:]), seq: binary.NativeEndian.Uint32(b[8:])}
		each(h, b[headerLen:size])
		b = b[min(align(size), len(b)):]
	}
	return nil
}

// errorIn is the error in an NLMSG_ERROR message; nil for a confirmation. With NETLINK_CAP_ACK the body is the error number,
// the header of the message it is about, then attributes.
func errorIn(h header, body []byte) error {
	if len(body) < 4 {
		return errors.New("netlink: an error without a number")
	}
	no := int32(binary.NativeEndian.Uint32(body))
	if no == 0 {
		return nil
	}
	errno := unix.Errno(-no)
	if h.flags&unix.NLM_F_ACK_TLVS == 0 || len(body) < 4+headerLen {
		return errno
	}
	for kind, value := range Attributes(body[4+headerLen:]) {
		if kind == unix.NLMSGERR_ATTR_MSG {
			return fmt.Errorf("%w (%s)", errno, text(value))
		}
	}
	return errno
}

func appendMessage(out []byte, m Message, seq uint32) []byte {
	out = binary.NativeEndian.AppendUint32(out, uint32(headerLen+len(m.Body)))
	out = binary.NativeEndian.AppendUint16(out, m.Type)
	out = binary.NativeEndian.AppendUint16(out, m.Flags|unix.NLM_F_REQUEST)
	out = binary.NativeEndian.AppendUint32(out, seq)
	out = binary.NativeEndian.AppendUint32(out, 0)
	return pad(append(out, m.Body...))
}
