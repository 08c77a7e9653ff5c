package loadgen

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// resolver keeps the addresses of names for as long as their TTL, or for ever. Go's own resolver keeps nothing and tells no
// TTL, so the TTL is read from the answers that pass by.
type resolver struct {
	server string // "" is the system's
	hold   bool
	keep   time.Duration // with hold; 0: for ever

	mu    sync.Mutex
	known map[string]*name
}

// name is what is known of one name. Who asks holds its lock, so that a name is asked for once, not by all who wait.
type name struct {
	turn  chan struct{} // holds one token
	addrs []netip.Addr
	until time.Time // of the addresses; zero: for ever
}

// dialer makes connections as the client model asks for addresses. It binds no local address: that would spend one port per
// connection over all destinations.
func (c Client) dialer(timeout time.Duration) dialFunc {
	plain := &net.Dialer{Timeout: dialTimeout(timeout), KeepAlive: 15 * time.Second}
	if c.Resolver != "" {
		plain.Resolver = &net.Resolver{PreferGo: true, Dial: dialServer(c.Resolver)}
	}
	if c.DNS == DNSDial {
		return plain.DialContext
	}
	r := &resolver{server: c.Resolver, hold: c.DNS == DNSHold, keep: c.Hold, known: map[string]*name{}}
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		host, port, err := net.SplitHostPort(addr)
		if err != nil {
			return nil, err
		}
		addrs, err := r.lookup(ctx, host)
		if err != nil {
			return nil, err
		}
		var errs []error
		for _, a := range addrs {
			c, err := plain.DialContext(ctx, network, net.JoinHostPort(a.String(), port))
			if err == nil {
				return c, nil
			}
			errs = append(errs, err)
		}
		return nil, errors.Join(errs...)
	}
}

// lookup gives the addresses of a host, from memory while they are good.
func (r *resolver) lookup(ctx context.Context, host string) ([]netip.Addr, error) {
	if a, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{a}, nil
	}
	r.mu.Lock()
	n := r.known[host]
	if n == nil {
		n = &name{turn: make(chan struct{}, 1)}
		r.known[host] = n
	}
	r.mu.Unlock()
	select {
	case n.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-n.turn }()
	if len(n.addrs) > 0 && (n.until.IsZero() || time.Now().Before(n.until)) {
		return n.addrs, nil
	}
	addrs, ttl, err := r.ask(ctx, host)
	if err != nil {
		return nil, err
	}
	if r.hold {
		ttl = r.keep
	}
	if n.addrs, n.until = addrs, time.Now().Add(ttl); r.hold && r.keep == 0 {
		n.until = time.Time{}
	}
	return addrs, nil
}

// ask looks a host up and says for how long the answer may be kept: 0 for one that did not come by DNS.
func (r *resolver) ask(ctx context.Context, host string) ([]netip.Addr, time.Duration, error) {
	var seen ttls
	dial := dialServer(r.server)
	res := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		if packets, ok := c.(net.PacketConn); ok {
			return &listeningPackets{Conn: c, PacketConn: packets, seen: &seen}, nil
		}
		return c, nil // TCP, for long answers: their TTL is not read and counts as 0
	}}
	addrs, err := res.LookupNetIP(ctx, "ip", host)
	for i := range addrs {
		addrs[i] = addrs[i].Unmap()
	}
	return addrs, seen.shortest(), err
}

// dialServer reaches the DNS server that is asked for, or one server for all.
func dialServer(server string) func(ctx context.Context, network, addr string) (net.Conn, error) {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		if server != "" {
			addr = server
		}
		return new(net.Dialer).DialContext(ctx, network, addr)
	}
}

// ttls collects the lives of address records.
type ttls struct {
	mu   sync.Mutex
	some bool
	low  uint32
}

func (t *ttls) shortest() time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	return time.Duration(t.low) * time.Second
}

func (t *ttls) note(packet []byte) {
	var p dnsmessage.Parser
	if _, err := p.Start(packet); err != nil {
		return
	}
	if err := p.SkipAllQuestions(); err != nil {
		return
	}
	for {
		h, err := p.AnswerHeader()
		if err != nil {
			return
		}
		t.mu.Lock()
		if !t.some || h.TTL < t.low {
			t.some, t.low = true, h.TTL
		}
		t.mu.Unlock()
		if err := p.SkipAnswer(); err != nil {
			return
		}
	}
}

// listeningPackets is a UDP connection to a DNS server whose answers are read along.
type listeningPackets struct {
	net.Conn
	net.PacketConn
	seen *ttls
}

func (l *listeningPackets) Read(b []byte) (int, error) {
	n, err := l.Conn.Read(b)
	l.seen.note(b[:n])
	return n, err
}

func (l *listeningPackets) Close() error                       { return l.Conn.Close() }
func (l *listeningPackets) LocalAddr() net.Addr                { return l.Conn.LocalAddr() }
func (l *listeningPackets) SetDeadline(t time.Time) error      { return l.Conn.SetDeadline(t) }
func (l *listeningPackets) SetReadDeadline(t time.Time) error  { return l.Conn.SetReadDeadline(t) }
func (l *listeningPackets) SetWriteDeadline(t time.Time) error { return l.Conn.SetWriteDeadline(t) }
