package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"gauntlet/targetapp/cache"
	"gauntlet/targetapp/postgres"
	"gauntlet/targetapp/session"
	"gauntlet/targetapp/token"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"
)

// parts are what a web node is built from, as its configuration says.
type parts struct {
	router    *postgres.Router
	store     Store
	registers Registers
	sessions  Sessions
	jobs      Jobs                          // nil: none are made
	reads     func() (hits, misses int64)   // of the cache; nil: there is none
	loads     func() int64                  // of the cache, from the database
	beside    []func(context.Context) error // run while there are requests
	metrics   []prometheus.Collector
	checks    []func(context.Context) error // of what the node cannot be ready without
	closers   []func() error                // in the order in which they were opened
}

// open prepares all parts; none connects yet. Close them after use, also after an error.
func open(cfg Config, log *slog.Logger) (*parts, error) {
	redis.SetLogger(quiet{log})
	p := &parts{}
	var err error
	if p.router, err = postgres.Open(cfg.Members, cfg.Name, log); err != nil {
		return p, err
	}
	p.closers = append(p.closers, func() error { p.router.Close(); return nil })
	store := &postgres.Store{Router: p.router, App: cfg.Name, Idempotent: cfg.Idempotent, Jobs: cfg.Jobs, StaleReads: cfg.StaleReads}
	p.store, p.registers = store, store
	if cfg.Jobs {
		p.jobs = &postgres.Outbox{Router: p.router, App: cfg.Name}
	}
	if len(cfg.Cache) > 0 {
		p.cached(cfg, store)
	}
	return p, p.openSessions(cfg)
}

// cached puts the cache in front of the database.
func (p *parts) cached(cfg Config, late cache.Sink) {
	ring := cache.NewRing(cfg.Cache, cfg.CacheNaive)
	store := cache.New(p.store, ring, cfg.CacheNaive)
	p.store, p.reads, p.loads, p.registers = store, store.Reads, store.Loads, cache.Registers{Store: store, Source: p.registers}
	switch cfg.CacheWrite {
	case WriteThrough:
		store.WriteThrough()
	case WriteBack:
		p.beside = append(p.beside, store.WriteBack(ring, late).Run)
	}
	p.metrics = append(p.metrics, store)
	p.closers = append(p.closers, ring.Close, func() error { store.Close(); return nil })
}

// watch runs what goes on beside requests, until ctx ends.
func (p *parts) watch(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return p.router.Run(ctx) })
	for _, run := range p.beside {
		g.Go(func() error { return run(ctx) })
	}
	return g.Wait()
}

// openSessions makes the place where sessions live.
func (p *parts) openSessions(cfg Config) error {
	switch cfg.Sessions {
	case SessionsLocal:
		p.sessions = session.NewLocal(cfg.Name)
	case SessionsShared:
		s := session.OpenShared(cfg.Sentinels, cfg.SentinelName)
		p.sessions = s
		p.metrics = append(p.metrics, s)
		p.checks = append(p.checks, s.Check)
		p.closers = append(p.closers, s.Close)
	default:
		signer, err := token.NewSigner(cfg.Secret)
		if err != nil {
			return fmt.Errorf("APP_SECRET: %w", err)
		}
		p.sessions = session.Signed{Signer: signer}
	}
	return nil
}

// close ends all connections, the last opened first.
func (p *parts) close() error {
	var errs []error
	for i := len(p.closers) - 1; i >= 0; i-- {
		errs = append(errs, p.closers[i]())
	}
	return errors.Join(errs...)
}

// quiet keeps what the Redis library says out of the log, where it would be a flood in an outage: errors are counted and
// answered. It is there at debug level.
type quiet struct{ log *slog.Logger }

// Printf implements the library's logger.
func (q quiet) Printf(ctx context.Context, format string, v ...any) {
	if q.log.Enabled(ctx, slog.LevelDebug) {
		q.log.LogAttrs(ctx, slog.LevelDebug, fmt.Sprintf(format, v...))
	}
}
