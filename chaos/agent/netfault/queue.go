//go:build linux

package netfault

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"gauntlet/chaos/agent/nft"
)

// Numbers of linux/netfilter/nfnetlink_queue.h.
const (
	msgPacket, msgVerdict, msgConfig, msgVerdictBatch = 0, 1, 2, 3

	cfgCommand, cfgParams, cfgMaxLen, cfgMask, cfgFlags = 1, 2, 3, 4, 5
	commandBind, commandUnbind                          = 1, 2
	copyMeta, copyPacket                                = 1, 2
	flagGSO                                             = 4 // packets come as they are: long, and with their checksum to be made

	drop, accept = 0, 1

	attrHeader, attrVerdict, attrPayload, attrFullLen = 1, 2, 10, 13
)

// maxQueued bounds the packets that the kernel keeps in one queue; more are dropped, as by a router.
const maxQueued = 1 << 15

// appetite is how much of each packet a queue asks for.
type appetite int

const (
	nothing appetite = iota // only that it is there
	length                  // its length
	all                     // its content, cut to the wire's size
)

// port is one NFQUEUE of the namespace, with this process as its listener, and the line that its packets wait in. Its socket
// is its own, so that closing it undoes all.
type port struct {
	line
	number  uint16
	conn    *nft.Conn
	box     *mailbox
	post    *injector
	pending []byte // verdicts that were not sent yet
	lost    int    // verdicts that the kernel refused
}

// plan is what a port is for.
type plan struct {
	number uint16
	want   appetite
	gso    bool   // packets may come as they are: long
	steal  bool   // see line
	mark   uint32 // of what the port sends itself
	judge  judge
}

// openPort fails if somebody else listens to that queue. Packets wait in the kernel until the loop runs it.
func openPort(plan plan) (*port, error) {
	conn, err := nft.Dial(unix.NETLINK_NETFILTER)
	if err != nil {
		return nil, err
	}
	post, err := newInjector(plan.mark)
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	p := &port{number: plan.number, conn: conn, post: post, box: newMailbox(64, 1<<10)}
	if plan.want == all {
		p.box = newMailbox(32, 68<<10)
	}
	p.line = line{judge: plan.judge, out: p, steal: plan.steal}
	// Without room, the kernel would drop packets at bursts; these are bounds, not what is used.
	_ = unix.SetsockoptInt(conn.FD(), unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 64<<20)
	_ = unix.SetsockoptInt(conn.FD(), unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, 4<<20)
	_ = unix.SetsockoptInt(conn.FD(), unix.SOL_NETLINK, unix.NETLINK_NO_ENOBUFS, 1)
	if err := p.configure(plan.want, plan.gso); err != nil {
		return nil, errors.Join(fmt.Errorf("NFQUEUE %d: %w", plan.number, err), p.close())
	}
	return p, nil
}

func (p *port) configure(want appetite, gso bool) error {
	if err := p.config(nft.Attribute(nil, cfgCommand, []byte{commandBind, 0, 0, 0})); err != nil {
		return fmt.Errorf("listen (another program may have it): %w", err)
	}
	// struct nfqnl_msg_config_params: range in bytes (0 is all), mode.
	params := []byte{0, 0, 0, 0, copyMeta}
	switch want {
	case length:
		params = []byte{0, 0, 0, ip6Header, copyPacket}
	case all:
		params = []byte{0, 1, 0, 0, copyPacket}
	}
	var flags uint32
	if gso {
		flags = flagGSO
	}
	b := nft.Attribute(nil, cfgParams, params)
	b = nft.Attribute(b, cfgMaxLen, binary.BigEndian.AppendUint32(nil, maxQueued))
	b = nft.Attribute(b, cfgFlags, binary.BigEndian.AppendUint32(nil, flags))
	b = nft.Attribute(b, cfgMask, binary.BigEndian.AppendUint32(nil, flagGSO))
	if err := p.config(b); err != nil {
		return fmt.Errorf("configure: %w", err)
	}
	return nil
}

func (p *port) config(attributes []byte) error {
	body := append(nft.Family(unix.AF_UNSPEC, p.number), attributes...)
	return p.conn.Do(0, nft.Message{Type: unix.NFNL_SUBSYS_QUEUE<<8 | msgConfig, Body: body})
}

// read takes what has come, at most one mailbox full.
func (p *port) read(now time.Duration) (more bool) {
	n, err := p.box.read(p.conn.FD())
	if err != nil {
		return false
	}
	var last uint32
	came := false
	for i := range n {
		m := p.box.message(i)
		if len(m) < 20 {
			continue
		}
		switch binary.NativeEndian.Uint16(m[4:]) {
		case unix.NLMSG_ERROR:
			p.lost++
		case unix.NFNL_SUBSYS_QUEUE<<8 | msgPacket:
			if pkt, ok := parsePacket(m[20:]); ok {
				p.arrive(now, pkt)
				last, came = pkt.id, true
			}
		}
	}
	if p.steal && came {
		p.verdict(msgVerdictBatch, drop, last, nil)
	}
	return n == len(p.box.headers)
}

// parsePacket reads the attributes of one packet.
func parsePacket(b []byte) (packet, bool) {
	var p packet
	found := false
	for kind, value := range nft.Attributes(b) {
		switch kind {
		case attrHeader:
			if len(value) >= 4 {
				p.id, found = binary.BigEndian.Uint32(value), true
			}
		case attrPayload:
			p.data = value
			p.size = max(p.size, len(value))
		case attrFullLen:
			if len(value) >= 4 {
				p.size = int(binary.BigEndian.Uint32(value))
			}
		}
	}
	return p, found
}

// The verdicts: each is a message that is sent with the others at the next flush.

func (p *port) upTo(id uint32)                 { p.verdict(msgVerdictBatch, accept, id, nil) }
func (p *port) one(id uint32)                  { p.verdict(msgVerdict, accept, id, nil) }
func (p *port) replace(id uint32, body []byte) { p.verdict(msgVerdict, accept, id, body) }
func (p *port) drop(id uint32)                 { p.verdict(msgVerdict, drop, id, nil) }

func (p *port) keep(data []byte) []byte { return p.post.keep(data) }
func (p *port) send(packet []byte)      { p.post.send(packet) }

func (p *port) verdict(kind uint16, verdict, id uint32, body []byte) {
	size := 32
	if body != nil {
		size += 4 + (len(body)+3)&^3
	}
	if len(p.pending)+size > 256<<10 {
		p.flushVerdicts()
	}
	b := binary.NativeEndian.AppendUint32(p.pending, uint32(size))
	b = binary.NativeEndian.AppendUint16(b, unix.NFNL_SUBSYS_QUEUE<<8|kind)
	b = binary.NativeEndian.AppendUint16(b, unix.NLM_F_REQUEST)
	b = append(b, 0, 0, 0, 0, 0, 0, 0, 0)                                               // sequence number and port: no answer is asked for
	b = append(b, unix.AF_UNSPEC, unix.NFNETLINK_V0, byte(p.number>>8), byte(p.number)) // struct nfgenmsg
	b = binary.NativeEndian.AppendUint16(b, 12)
	b = binary.NativeEndian.AppendUint16(b, attrVerdict)
	b = binary.BigEndian.AppendUint32(b, verdict)
	b = binary.BigEndian.AppendUint32(b, id)
	if body != nil {
		b = nft.Attribute(b, attrPayload, body)
	}
	p.pending = b
}

// flush sends the verdicts, which the kernel carries out before it returns, and then our own packets.
func (p *port) flush() {
	p.flushVerdicts()
	p.post.flush()
}

func (p *port) flushVerdicts() {
	if len(p.pending) == 0 {
		return
	}
	if unix.Sendto(p.conn.FD(), p.pending, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}) != nil {
		p.lost++
	}
	p.pending = p.pending[:0]
}

// close gives the queue's number back, also if the loop's thread still waits on the socket and so keeps it open for a moment.
func (p *port) close() error {
	err := p.config(nft.Attribute(nil, cfgCommand, []byte{commandUnbind, 0, 0, 0}))
	if errors.Is(err, unix.ENODEV) || errors.Is(err, unix.EPERM) {
		err = nil // it was never ours
	}
	return errors.Join(err, p.conn.Close(), p.post.close())
}
