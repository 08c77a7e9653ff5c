//go:build linux

package httpfault

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// dialTime bounds the proxy's connection to the target, which is on the same machine.
const dialTime = 10 * time.Second

// proxy listens in the network namespace of the process.
type proxy struct {
	listener *net.TCPListener
	port     uint16
	original func(*net.TCPConn) (netip.AddrPort, error) // where the client wanted to go
	rules    atomic.Pointer[[]*rule]                    // in the order of their ids; never nil

	cancel  context.CancelFunc
	running sync.WaitGroup
	failed  atomic.Pointer[error] // why it accepts no more
}

// startProxy listens on all addresses at a port that the kernel chooses.
func startProxy(original func(*net.TCPConn) (netip.AddrPort, error)) (*proxy, error) {
	var config net.ListenConfig
	config.SetMultipathTCP(false) // the kernel keeps the original destination of plain TCP only
	l, err := config.Listen(context.Background(), "tcp", ":0")
	if err != nil {
		return nil, fmt.Errorf("http: listen for the proxy: %w", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	p := &proxy{listener: l.(*net.TCPListener), original: original, cancel: cancel}
	p.port = uint16(l.Addr().(*net.TCPAddr).Port)
	p.rules.Store(new([]*rule))
	p.running.Go(func() { p.accept(ctx) })
	return p, nil
}

// close breaks all connections and waits for what was started.
func (p *proxy) close() {
	p.cancel()
	_ = p.listener.Close()
	p.running.Wait()
}

// set replaces the rules.
func (p *proxy) set(rules map[string]*rule) {
	var all []*rule
	for _, r := range rules {
		all = append(all, r)
	}
	slices.SortFunc(all, func(a, b *rule) int { return strings.Compare(a.id, b.id) })
	p.rules.Store(&all)
}

// alive is nil while the proxy accepts connections.
func (p *proxy) alive() error {
	if err := p.failed.Load(); err != nil {
		return fmt.Errorf("http: the proxy has ended: %w", *err)
	}
	return nil
}

func (p *proxy) accept(ctx context.Context) {
	for {
		c, err := p.listener.AcceptTCP()
		if err == nil {
			p.running.Go(func() { p.serve(ctx, c) })
			continue
		}
		if errors.Is(err, net.ErrClosed) || !sleep(ctx, 10*time.Millisecond) {
			p.failed.Store(&err)
			return
		}
	}
}

// serve connects the client to where it wanted to go.
func (p *proxy) serve(ctx context.Context, client *net.TCPConn) {
	to, err := p.original(client)
	if err != nil || to.Port() == p.port { // somebody found the proxy's own port
		reset(client)
		return
	}
	dialer := net.Dialer{Timeout: dialTime}
	dialer.SetMultipathTCP(false)
	server, err := dialer.DialContext(ctx, "tcp", to.String())
	if err != nil {
		reset(client)
		return
	}
	judging := func(req *http.Request) verdict { return judge(*p.rules.Load(), to.Port(), req) }
	draining := func() bool {
		return !slices.ContainsFunc(*p.rules.Load(), func(r *rule) bool { return slices.Contains(r.Ports, to.Port()) })
	}
	newRelay(client, server.(*net.TCPConn), judging, draining).run(ctx)
}
