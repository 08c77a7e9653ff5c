package probe

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"

	"golang.org/x/net/dns/dnsmessage"
)

// Lookup is a question that clients of a region ask a name server.
type Lookup struct {
	Region string
	Name   string     // such as www.app.test
	From   netip.Addr // of such a client: what the server goes by
}

// dnsPollers ask one name server, twice a second, whom it sends the clients of each region to.
func (s *session) dnsPollers(e Endpoint) ([]poller, error) {
	addr, err := e.addr(53)
	if err != nil {
		return nil, err
	}
	var all []poller
	for _, l := range e.Lookups {
		query, err := question(l)
		if err != nil {
			return nil, fmt.Errorf("%w %s: %w", ErrEndpoint, e.Name, err)
		}
		a := &dnsAsker{addr: addr, query: query, sites: e.Sites, answer: watchFor(s.out, Answer, l.Region), health: health{target: e.Name, out: s.out}}
		all = append(all, poller{name: "answer for " + l.Region, every: 2 * slowEvery, limit: askLimit, asker: a})
	}
	return all, nil
}

type dnsAsker struct {
	addr   string
	query  []byte
	sites  map[string]string
	answer watched
	health health
	now    string
}

func (a *dnsAsker) ask(ctx context.Context) error {
	c, err := (&net.Dialer{}).DialContext(ctx, "tcp", a.addr)
	if err != nil {
		return err
	}
	defer c.Close()
	if end, ok := ctx.Deadline(); ok {
		if err := c.SetDeadline(end); err != nil {
			return err
		}
	}
	if _, err := c.Write(a.query); err != nil {
		return err
	}
	head := make([]byte, 2)
	if _, err := io.ReadFull(c, head); err != nil {
		return err
	}
	packet := make([]byte, binary.BigEndian.Uint16(head))
	if _, err := io.ReadFull(c, packet); err != nil {
		return err
	}
	addr, err := firstAddress(packet)
	if err != nil {
		return err
	}
	if a.now = a.sites[addr.String()]; a.now == "" {
		a.now = addr.String()
	}
	return nil
}

func (a *dnsAsker) tell(s span, err error) {
	a.health.saw(err, s)
	if err != nil {
		a.now = Unknown
	}
	a.answer.saw(a.now, s)
}

func (a *dnsAsker) close() {}

// clientSubnet is the option by which a question names the client that it is asked for (RFC 7871).
const clientSubnet = 8

// question is a lookup as it is sent over TCP.
func question(l Lookup) ([]byte, error) {
	name, err := dnsmessage.NewName(l.Name + ".")
	if err != nil {
		return nil, err
	}
	if !l.From.Is4() {
		return nil, fmt.Errorf("clients of region %s have the address %q, not one of IPv4", l.Region, l.From)
	}
	from := l.From.As4()
	data := append([]byte{0, 1, 32, 0}, from[:]...) // IPv4, all 32 bits count
	m := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: 1},
		Questions: []dnsmessage.Question{{Name: name, Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET}},
		Additionals: []dnsmessage.Resource{{
			Header: dnsmessage.ResourceHeader{Name: dnsmessage.MustNewName("."), Type: dnsmessage.TypeOPT, Class: 1232},
			Body:   &dnsmessage.OPTResource{Options: []dnsmessage.Option{{Code: clientSubnet, Data: data}}},
		}},
	}
	packet, err := m.Pack()
	if err != nil {
		return nil, err
	}
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(packet))), packet...), nil
}

var errNoAddress = errors.New("the name server gives no address")

func firstAddress(packet []byte) (netip.Addr, error) {
	var m dnsmessage.Message
	if err := m.Unpack(packet); err != nil {
		return netip.Addr{}, err
	}
	for _, r := range m.Answers {
		if a, ok := r.Body.(*dnsmessage.AResource); ok {
			return netip.AddrFrom4(a.A), nil
		}
	}
	return netip.Addr{}, fmt.Errorf("%w: %w", errRefused, errNoAddress)
}
