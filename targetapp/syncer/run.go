package syncer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"gauntlet/targetapp/activity"
	"gauntlet/targetapp/aside"
	"gauntlet/targetapp/logs"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"
)

const (
	pullEvery  = 200 * time.Millisecond // when there was nothing more
	pullPause  = 500 * time.Millisecond // after an error
	drainLimit = 2 * time.Second
)

// config of a syncer.
type config struct {
	name, listen string // APP_NAME, APP_LISTEN (":8080")
	region, own  string // APP_REGION, and APP_ACTIVITY: its store, host:port
	peers        []peer // APP_ACTIVITY_PEERS: the other regions' stores, region=host:port with commas
}

type peer struct{ region, addr string }

func readConfig(env func(string) string) (config, error) {
	c := config{name: env("APP_NAME"), listen: cmp.Or(env("APP_LISTEN"), ":8080"), region: env("APP_REGION"), own: env("APP_ACTIVITY")}
	var errs []error
	if c.name == "" {
		errs = append(errs, errors.New("APP_NAME is empty; set it to this syncer's name, such as sync-a"))
	}
	if err := activity.Region(c.region); err != nil {
		errs = append(errs, fmt.Errorf("APP_REGION: %w", err))
	}
	if _, _, err := net.SplitHostPort(c.own); err != nil {
		errs = append(errs, fmt.Errorf("APP_ACTIVITY is %q, want the region's store as host:port", c.own))
	}
	for part := range strings.SplitSeq(env("APP_ACTIVITY_PEERS"), ",") {
		region, addr, _ := strings.Cut(strings.TrimSpace(part), "=")
		_, _, err := net.SplitHostPort(addr)
		if err = errors.Join(err, activity.Region(region)); err != nil {
			errs = append(errs, fmt.Errorf("APP_ACTIVITY_PEERS: %q is not of the form region=host:port", part))
		}
		if region == c.region || slices.ContainsFunc(c.peers, func(p peer) bool { return p.region == region }) {
			errs = append(errs, fmt.Errorf("APP_ACTIVITY_PEERS: region %q is there twice, or is this one", region))
		}
		c.peers = append(c.peers, peer{region, addr})
	}
	return c, errors.Join(errs...)
}

// syncer is what the parts of the role share.
type syncer struct {
	own      *activity.Log
	log      *slog.Logger
	throttle logs.Throttle
	counts   *counts
}

// Run copies until ctx ends. It returns an error if the configuration is wrong or the port is taken; stores that are down are waited
// for.
func Run(ctx context.Context, env func(string) string, log *slog.Logger) (done error) {
	cfg, err := readConfig(env)
	if err != nil {
		return err
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", cfg.listen)
	if err != nil {
		return fmt.Errorf("listen on APP_LISTEN: %w", err)
	}
	redis.SetLogger(logs.Quiet{Log: log})
	s := &syncer{own: activity.Open(cfg.own, cfg.region), log: log, counts: newCounts(cfg.peers)}
	s.throttle = logs.Throttle{PerSecond: 2}
	defer func() { done = errors.Join(done, s.own.Close()) }()
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return aside.Serve(ctx, l, s.handler(), s.log, drainLimit) })
	for _, p := range cfg.peers {
		g.Go(func() error { return s.follow(ctx, p) })
	}
	log.LogAttrs(ctx, slog.LevelInfo, "copying into region "+cfg.region+"; listening on "+l.Addr().String())
	return g.Wait()
}

// follow copies what a peer has until ctx ends.
func (s *syncer) follow(ctx context.Context, p peer) error {
	from := activity.Open(p.addr, p.region)
	for ctx.Err() == nil {
		copied, more, err := pull(ctx, from, s.own)
		s.counts.saw(p.region, copied, err)
		wait := pullEvery
		switch {
		case err != nil && ctx.Err() == nil:
			wait = pullPause
			s.warn(ctx, "region "+p.region+" cannot be followed", err)
		case more:
			wait = 0
		}
		t := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-t.C:
		}
		t.Stop()
	}
	return from.Close()
}

func (s *syncer) warn(ctx context.Context, what string, err error) {
	if ok, held := s.throttle.Pass(time.Now()); ok {
		s.log.LogAttrs(ctx, slog.LevelWarn, what+": "+err.Error(), slog.Int("held_back", held))
	}
}

// handler says that the role is ready when its own region's store is there: another region may be cut off at any time.
func (s *syncer) handler() http.Handler {
	missing := func(ctx context.Context) string {
		if s.own.Check(ctx) != nil {
			return "this region's activity store does not answer"
		}
		return ""
	}
	return aside.Handler(missing, promhttp.HandlerFor(s.counts.registry, promhttp.HandlerOpts{}))
}

// counts of one syncer, in a registry of their own.
type counts struct {
	registry *prometheus.Registry
	copied   *prometheus.CounterVec
	failed   *prometheus.CounterVec
	reached  map[string]*atomic.Int64 // Unix ms of the last look that succeeded, by peer
}

func newCounts(peers []peer) *counts {
	c := &counts{
		registry: prometheus.NewRegistry(), reached: map[string]*atomic.Int64{},
		copied: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "app_activity_copied_total", Help: "Entries copied, by the region that they were had from."}, []string{"from"}),
		failed: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "app_activity_copy_failures_total", Help: "Looks at another region that failed."}, []string{"from"}),
	}
	c.registry.MustRegister(c.copied, c.failed, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	for _, p := range peers {
		at := &atomic.Int64{}
		at.Store(time.Now().UnixMilli())
		c.reached[p.region] = at
		c.copied.WithLabelValues(p.region)
		c.failed.WithLabelValues(p.region)
		age := prometheus.GaugeOpts{Name: "app_activity_reached_seconds", Help: "Time since another region's log was last seen to its end.", ConstLabels: prometheus.Labels{"from": p.region}}
		c.registry.MustRegister(prometheus.NewGaugeFunc(age, func() float64 { return time.Since(time.UnixMilli(at.Load())).Seconds() }))
	}
	return c
}

func (c *counts) saw(region string, copied int, err error) {
	c.copied.WithLabelValues(region).Add(float64(copied))
	if err != nil {
		c.failed.WithLabelValues(region).Inc()
		return
	}
	c.reached[region].Store(time.Now().UnixMilli())
}
