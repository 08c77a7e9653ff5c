package wan

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	dialLimit = 2 * time.Second
	askLimit  = time.Second // of a database, whether it leads
)

// forwarder holds the open connections.
type forwarder struct {
	delay  time.Duration
	log    *slog.Logger
	client *http.Client
	conns  sync.WaitGroup
}

// Run forwards until ctx ends. It returns an error if the configuration is wrong or a port is taken.
func Run(ctx context.Context, env func(string) string, log *slog.Logger) error {
	cfg, err := readConfig(env)
	if err != nil {
		return err
	}
	f := &forwarder{delay: cfg.delay, log: log, client: &http.Client{Timeout: askLimit, Transport: &http.Transport{DisableKeepAlives: true}}}
	g, ctx := errgroup.WithContext(ctx)
	for _, r := range cfg.routes {
		l, err := f.open(ctx, r)
		if err != nil {
			return err
		}
		g.Go(func() error { return f.accept(ctx, l, r) })
	}
	g.Go(func() error { return healthy(ctx, cfg.listen) })
	err = g.Wait()
	f.conns.Wait()
	return err
}

func (f *forwarder) open(ctx context.Context, r route) (net.Listener, error) {
	l, err := (&net.ListenConfig{KeepAliveConfig: alive}).Listen(ctx, "tcp", r.listen)
	if err != nil {
		return nil, fmt.Errorf("APP_WAN_ROUTES: %w", err)
	}
	return l, nil
}

// alive finds out soon that the other end of a quiet connection is gone.
var alive = net.KeepAliveConfig{Enable: true, Idle: time.Second, Interval: time.Second, Count: 3}

func (f *forwarder) accept(ctx context.Context, l net.Listener, r route) error {
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	for {
		c, err := l.Accept()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("APP_WAN_ROUTES: %w", err)
		}
		f.conns.Go(func() { f.serve(ctx, c, r) })
	}
}

// serve forwards one connection until both directions have ended, or ctx.
func (f *forwarder) serve(ctx context.Context, near net.Conn, r route) {
	defer near.Close()
	far, err := f.dial(ctx, r)
	if err != nil {
		refuse(near)
		return
	}
	defer far.Close()
	stop := context.AfterFunc(ctx, func() { near.Close(); far.Close() })
	defer stop()
	var both sync.WaitGroup
	both.Go(func() { forward(far, near, f.delay) })
	both.Go(func() { forward(near, far, f.delay) })
	both.Wait()
}

// refuse ends a connection as a closed port would: with a reset.
func refuse(c net.Conn) {
	if t, ok := c.(*net.TCPConn); ok {
		_ = t.SetLinger(0)
	}
}

// dial waits for the way there and back of the handshake.
func (f *forwarder) dial(ctx context.Context, r route) (net.Conn, error) {
	if !sleep(ctx, 2*f.delay) {
		return nil, ctx.Err()
	}
	to := r.targets[0]
	if len(r.targets) > 1 {
		var err error
		if to, err = f.leader(ctx, r.targets); err != nil {
			return nil, err
		}
	}
	return (&net.Dialer{Timeout: dialLimit, KeepAliveConfig: alive}).DialContext(ctx, "tcp", to)
}

// leader asks all at once and takes the one whose Patroni says that it leads a cluster of its own.
func (f *forwarder) leader(ctx context.Context, targets []string) (string, error) {
	leads := make([]bool, len(targets))
	var wg sync.WaitGroup
	for i, t := range targets {
		wg.Go(func() { leads[i] = f.leads(ctx, t) })
	}
	wg.Wait()
	for i, t := range targets {
		if leads[i] {
			return t, nil
		}
	}
	return "", errors.New("none of them leads")
}

func (f *forwarder) leads(ctx context.Context, target string) bool {
	host, _, _ := net.SplitHostPort(target) // was checked
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+net.JoinHostPort(host, patroniPort)+"/primary", nil)
	if err != nil {
		return false
	}
	res, err := f.client.Do(req)
	if err != nil {
		return false
	}
	defer res.Body.Close()
	return res.StatusCode == http.StatusOK
}

func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// healthy answers health checks until ctx ends.
func healthy(ctx context.Context, listen string) error {
	srv := &http.Server{Addr: listen, ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})}
	stop := context.AfterFunc(ctx, func() { srv.Close() })
	defer stop()
	if err := srv.ListenAndServe(); ctx.Err() == nil {
		return fmt.Errorf("listen on APP_LISTEN: %w", err)
	}
	return nil
}
