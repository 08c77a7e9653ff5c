package probe

import (
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// nameServer answers each question with the address that its client subnet begins with being 10.0.0 gives, over TCP.
func nameServer(t *testing.T, answers map[string][4]byte) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var run sync.WaitGroup
	run.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			head := make([]byte, 2)
			if _, err := io.ReadFull(c, head); err == nil {
				packet := make([]byte, binary.BigEndian.Uint16(head))
				_, _ = io.ReadFull(c, packet)
				reply := answerTo(packet, answers)
				_, _ = c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(reply))), reply...))
			}
			c.Close()
		}
	})
	t.Cleanup(func() { l.Close(); run.Wait() })
	return l.Addr().String()
}

func answerTo(packet []byte, answers map[string][4]byte) []byte {
	var m dnsmessage.Message
	if err := m.Unpack(packet); err != nil {
		return nil
	}
	from := m.Additionals[0].Body.(*dnsmessage.OPTResource).Options[0].Data[4:8]
	m.Response, m.Additionals = true, nil
	if a, ok := answers[netip.AddrFrom4([4]byte(from)).String()]; ok {
		head := dnsmessage.ResourceHeader{Name: m.Questions[0].Name, Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET, TTL: 5}
		m.Answers = []dnsmessage.Resource{{Header: head, Body: &dnsmessage.AResource{A: a}}}
	}
	out, _ := m.Pack()
	return out
}

func TestAnswersOfANameServer(t *testing.T) {
	addr := nameServer(t, map[string][4]byte{"10.0.0.1": {10, 0, 0, 11}})
	e := Endpoint{Name: "dns", Kind: DNS, Ports: map[int]string{53: addr}, Sites: map[string]string{"10.0.0.11": "lb-a"}, Lookups: []Lookup{
		{Region: "a", Name: "www.app.test", From: netip.MustParseAddr("10.0.0.1")},
		{Region: "b", Name: "www.app.test", From: netip.MustParseAddr("10.0.0.2")},
	}}
	var got []Change
	s := newSession(Watch{}, time.Now(), Sink{Change: func(c Change) { got = append(got, c) }})
	pollers, err := s.dnsPollers(e)
	if err != nil || len(pollers) != 2 {
		t.Fatalf("%d pollers, %v", len(pollers), err)
	}
	for _, p := range pollers {
		p.asker.tell(span{}, p.asker.ask(t.Context()))
	}
	if len(got) != 1 || got[0].What != Answer || got[0].Target != "a" || got[0].To != "lb-a" {
		t.Errorf("changes %+v, want one: clients of a are sent to lb-a", got)
	}
}
