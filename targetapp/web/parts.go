package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"gauntlet/targetapp/activity"
	"gauntlet/targetapp/cache"
	"gauntlet/targetapp/logs"
	"gauntlet/targetapp/postgres"
	"gauntlet/targetapp/session"
	"gauntlet/targetapp/token"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"
)

// parts are what a web node is built from, as its configuration says.
type parts struct {
	router    *postgres.Router // nil: there are shards
	late      cache.Sink       // what a cache hands writes over to
	routes    Routes
	watch     func(context.Context) error // keeps the routes informed
	shards    Shards                      // nil: there is one database
	store     Store
	registers Registers
	social    Social
	activity  *activity.Log      // nil: none
	recorder  *activity.Recorder // of what the handlers note in it
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
	redis.SetLogger(logs.Quiet{Log: log})
	p := &parts{}
	database := p.database
	if len(cfg.Shards) > 0 {
		database = p.sharded
	}
	if err := database(cfg, log); err != nil {
		return p, err
	}
	if len(cfg.Cache) > 0 {
		p.cached(cfg)
	}
	p.openStores(cfg)
	return p, p.openSessions(cfg)
}

// database makes the store one over a single database cluster.
func (p *parts) database(cfg Config, log *slog.Logger) error {
	router, err := postgres.Open(cfg.Members, cfg.Name, log)
	if err != nil {
		return err
	}
	p.closers = append(p.closers, func() error { router.Close(); return nil })
	store := &postgres.Store{Router: router, App: cfg.Name, Idempotent: cfg.Idempotent, Jobs: cfg.Jobs, StaleReads: cfg.StaleReads, Derived: len(cfg.Feed) > 0}
	p.router, p.late, p.store, p.registers, p.social, p.routes, p.watch = router, store, store, store, store, router, router.Run
	if cfg.Jobs {
		p.jobs = &postgres.Outbox{Router: router, App: cfg.Name}
	}
	return nil
}

// cached puts the cache in front of the database.
func (p *parts) cached(cfg Config) {
	ring := cache.NewRing(cfg.Cache, cfg.CacheNaive)
	store := cache.New(p.store, ring, cfg.CacheNaive)
	p.store, p.reads, p.loads, p.registers = store, store.Reads, store.Loads, cache.Registers{Store: store, Source: p.registers}
	p.social = cache.Social{SocialSource: p.social, Store: store}
	switch cfg.CacheWrite {
	case WriteThrough:
		store.WriteThrough()
	case WriteBack:
		p.beside = append(p.beside, store.WriteBack(ring, p.late).Run)
	}
	p.metrics = append(p.metrics, store)
	p.closers = append(p.closers, ring.Close, func() error { store.Close(); return nil })
}

// run does what goes on beside requests, until ctx ends.
func (p *parts) run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return p.watch(ctx) })
	for _, run := range p.beside {
		g.Go(func() error { return run(ctx) })
	}
	return g.Wait()
}

// openSessions makes the place where sessions live.
func (p *parts) openSessions(cfg Config) error {
	signer, err := token.NewSigner(cfg.Secret)
	switch cfg.Sessions {
	case SessionsLocal:
		p.sessions = session.NewLocal(cfg.Name)
		return nil
	case SessionsShared:
		p.sessions = p.openShared(cfg)
		return nil
	case SessionsRegional:
		p.sessions = session.Regional{Region: cfg.Region, Shared: p.openShared(cfg), Signer: signer}
	default:
		p.sessions = session.Signed{Signer: signer}
	}
	if err != nil {
		return fmt.Errorf("APP_SECRET: %w", err)
	}
	return nil
}

func (p *parts) openShared(cfg Config) *session.Shared {
	s := session.OpenShared(cfg.Sentinels, cfg.SentinelName)
	p.metrics = append(p.metrics, s)
	p.checks = append(p.checks, s.Check)
	p.closers = append(p.closers, s.Close)
	return s
}

// close ends all connections, the last opened first.
func (p *parts) close() error {
	var errs []error
	for i := len(p.closers) - 1; i >= 0; i-- {
		errs = append(errs, p.closers[i]())
	}
	return errors.Join(errs...)
}
