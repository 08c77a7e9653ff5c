package loadgen

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// pool is the connections of one operation class, region and, where each has his own, user. A connection that may no longer be
// used because of its age goes with all of its pool: net/http knows no age of one. The new pool begins empty, the old one
// closes what comes back to it.
type pool struct {
	make   func() *http.Transport
	maxAge time.Duration

	mu   sync.Mutex
	now  *http.Transport
	born time.Time
	old  []*http.Transport
}

// newPool begins a pool that is already older by age, so that pools which begin together don't end together.
func newPool(maxAge, age time.Duration, make func() *http.Transport) *pool {
	return &pool{make: make, maxAge: maxAge, now: make(), born: time.Now().Add(-age)}
}

func (p *pool) RoundTrip(req *http.Request) (*http.Response, error) {
	return p.current().RoundTrip(req)
}

func (p *pool) current() *http.Transport {
	if p.maxAge == 0 {
		return p.now
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if age := time.Since(p.born); age >= p.maxAge {
		p.old = append(p.old, p.now)
		for _, t := range p.old {
			t.CloseIdleConnections()
		}
		p.now, p.born = p.make(), time.Now().Add(-(age % p.maxAge))
	}
	return p.now
}

func (p *pool) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, t := range append(p.old, p.now) {
		t.CloseIdleConnections()
	}
}

// pools are all pools of a load: one per class and region, or one per user for each of these.
type pools struct {
	profile Profile
	ctx     context.Context // ends all dials
	dial    dialFunc
	tls     *tls.Config
	dials   atomic.Uint64

	mu    sync.Mutex
	own   map[poolKey]*pool
	gates map[poolKey]*gate
}

type poolKey struct {
	class, region string
	user          int
}

func newPools(ctx context.Context, dial dialFunc, p Profile) (*pools, error) {
	conf, err := p.Client.tls()
	if err != nil {
		return nil, err
	}
	ps := &pools{profile: p, ctx: ctx, tls: conf, own: map[poolKey]*pool{}, gates: map[poolKey]*gate{}}
	ps.dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
		ps.dials.Add(1)
		return dial(ctx, network, addr)
	}
	return ps, nil
}

// get is the pool of a class and region, and of a user if each has his own.
func (ps *pools) get(class, region string, user int) *pool {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	connections, age := ps.profile.Connections, time.Duration(0)
	if n := ps.profile.Client.PerUser; n > 0 {
		connections = n
		if limit := ps.profile.Client.MaxAge; limit > 0 {
			age = time.Duration(newDice(ps.profile.Seed, -3, uint64(user)).roll(0) % uint64(limit))
		}
	} else {
		user = 0
	}
	key := poolKey{class, region, user}
	p := ps.own[key]
	if p == nil {
		p = newPool(ps.profile.Client.MaxAge, age, func() *http.Transport { return ps.transport(connections) })
		ps.own[key] = p
	}
	return p
}

// transport makes one pool's connections as the client model says.
func (ps *pools) transport(connections int) *http.Transport {
	c, t := ps.profile.Client, newTransport(ps.ctx, ps.dial, connections, ps.profile.Timeout)
	t.TLSClientConfig = ps.tls.Clone()
	t.DisableKeepAlives = c.Close
	if c.Idle > 0 {
		t.IdleConnTimeout = c.Idle
	}
	if c.HTTP2 {
		t.TLSNextProto = nil
		t.Protocols = new(http.Protocols)
		t.Protocols.SetHTTP2(true)
		t.Protocols.SetUnencryptedHTTP2(true)
		t.HTTP2 = &http.HTTP2Config{SendPingTimeout: ps.profile.Timeout, PingTimeout: ps.profile.Timeout, StrictMaxConcurrentRequests: false}
	}
	return t
}

func (ps *pools) close() {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	for _, p := range ps.own {
		p.close()
	}
	for _, g := range ps.gates {
		g.close()
	}
}
