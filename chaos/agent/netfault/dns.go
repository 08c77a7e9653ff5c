package netfault

import (
	"encoding/binary"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"gauntlet/chaos"
)

// resolver judges outgoing packets to port 53: queries for the rule's names are dropped and, unless the answer is timeout,
// answered in the server's name. Over TCP an answer is a reset, since the stream can't be answered from outside.
type resolver struct{ rule chaos.DNSRule }

func (r resolver) judge(now time.Duration, p packet) fate {
	parts, ok := split(p.data)
	if !ok || !p.whole() {
		return fate{due: now}
	}
	query := parts.payload
	if parts.proto == protoTCP {
		if len(query) < 2 || int(binary.BigEndian.Uint16(query)) > len(query)-2 {
			return fate{due: now}
		}
		query = query[2:]
	}
	head, q, ok := question(query)
	if !ok || !r.named(q.Name.String()) {
		return fate{due: now}
	}
	f := fate{drop: true}
	switch {
	case r.rule.Answer == "timeout":
	case parts.proto == protoTCP:
		f.send = reset(parts)
	default:
		f.send = answer(parts, head, q, r.code())
	}
	return f
}

func (r resolver) code() dnsmessage.RCode {
	if r.rule.Answer == "nxdomain" {
		return dnsmessage.RCodeNameError
	}
	return dnsmessage.RCodeServerFailure
}

// named says whether the rule is about a name: one of its names, or below one.
func (r resolver) named(name string) bool {
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	return len(r.rule.Names) == 0 || slices.ContainsFunc(r.rule.Names, func(n string) bool {
		return name == n || strings.HasSuffix(name, "."+n)
	})
}

// question is the first question of a DNS query; not ok if it is none.
func question(b []byte) (dnsmessage.Header, dnsmessage.Question, bool) {
	var p dnsmessage.Parser
	head, err := p.Start(b)
	if err != nil || head.Response {
		return head, dnsmessage.Question{}, false
	}
	q, err := p.Question()
	return head, q, err == nil
}

// answer is the UDP packet with which the server that was asked says code; nil if there is none.
func answer(asked parts, head dnsmessage.Header, q dnsmessage.Question, code dnsmessage.RCode) []byte {
	m := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: head.ID, Response: true, OpCode: head.OpCode, RecursionDesired: head.RecursionDesired, RecursionAvailable: true, RCode: code},
		Questions: []dnsmessage.Question{q},
	}
	body, err := m.Pack()
	if err != nil || asked.proto != protoUDP {
		return nil
	}
	segment := make([]byte, udpHeader, udpHeader+len(body))
	copy(segment, asked.segment[2:4])
	copy(segment[2:], asked.segment[0:2])
	segment = append(segment, body...)
	binary.BigEndian.PutUint16(segment[4:], uint16(len(segment)))
	return join(protoUDP, asked.dst, asked.src, segment, 6)
}

// reset is the TCP segment with which the other end of a segment breaks the connection.
func reset(of parts) []byte {
	segment := make([]byte, tcpHeader)
	copy(segment, of.segment[2:4])
	copy(segment[2:], of.segment[0:2])
	copy(segment[4:], of.segment[8:12]) // continues where the sender's acknowledgement is
	binary.BigEndian.PutUint32(segment[8:], binary.BigEndian.Uint32(of.segment[4:])+uint32(len(of.payload)))
	segment[12], segment[13] = tcpHeader/4<<4, flagRST|flagACK
	return join(protoTCP, of.dst, of.src, segment, 16)
}
