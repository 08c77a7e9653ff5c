package worker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"gauntlet/targetapp/aside"
	"gauntlet/targetapp/broker"
	"gauntlet/targetapp/feed"
	"gauntlet/targetapp/jobs"
	"gauntlet/targetapp/logs"
	"gauntlet/targetapp/photo"
	"gauntlet/targetapp/postgres"

	amqp "github.com/rabbitmq/amqp091-go"
	"golang.org/x/sync/errgroup"
)

const (
	prefetch   = 16 // jobs at a time
	drainLimit = 3 * time.Second
)

// config of a worker.
type config struct {
	name, listen, photos string // APP_NAME, APP_LISTEN (":8080"), APP_PHOTOS
	members              []postgres.Member
	brokers              []string // APP_BROKERS, host:port with commas
	idempotent           bool     // APP_JOBS_IDEMPOTENT, default true
	keep                 bool     // APP_KEEP_JOBS: a job stays in the outbox until it had its effect, default false; only idempotent jobs
	feed                 []string // APP_FEED_STORE, nodes of the Redis Cluster with the feed and the leaderboard; none: no such store
}

func readConfig(env func(string) string) (config, error) {
	c := config{name: env("APP_NAME"), listen: cmp.Or(env("APP_LISTEN"), ":8080"), photos: env("APP_PHOTOS"), idempotent: env("APP_JOBS_IDEMPOTENT") != "false", keep: env("APP_KEEP_JOBS") == "true"}
	var errs []error
	if c.name == "" {
		errs = append(errs, errors.New("APP_NAME is empty; set it to this worker's name, such as worker1"))
	}
	if c.keep && !c.idempotent {
		errs = append(errs, errors.New("APP_KEEP_JOBS needs jobs that may be done again; leave out APP_JOBS_IDEMPOTENT"))
	}
	var err error
	c.members, err = postgres.ParseMembers(env("APP_DATABASES"))
	err = errors.Join(err, postgres.MarkFar(c.members, env("APP_FAR")))
	c.brokers = Brokers(env)
	if e := broker.Hosts(c.brokers); e != nil {
		err = errors.Join(err, fmt.Errorf("APP_BROKERS: %w", e))
	}
	nodes, e := feed.ParseNodes(env("APP_FEED_STORE"))
	if c.feed = nodes; e != nil {
		err = errors.Join(err, fmt.Errorf("APP_FEED_STORE: %w", e))
	}
	return c, errors.Join(append(errs, err)...)
}

// Brokers reads APP_BROKERS.
func Brokers(env func(string) string) []string {
	return strings.FieldsFunc(env("APP_BROKERS"), func(r rune) bool { return r == ',' || r == ' ' })
}

// worker is what the parts of the role share.
type worker struct {
	brokers  []string
	outbox   Outbox
	doer     jobs.Doer
	log      *slog.Logger
	throttle logs.Throttle
	counts   *counts
	serving  atomic.Bool // connected, and jobs are delivered
}

// Run works until ctx ends and then finishes the jobs that it has. It returns an error if the configuration is wrong or the port is
// taken; brokers and databases that are down are waited for.
func Run(ctx context.Context, env func(string) string, log *slog.Logger) (done error) {
	cfg, err := readConfig(env)
	if err != nil {
		return err
	}
	router, err := postgres.Open(cfg.members, cfg.name, log)
	if err != nil {
		return err
	}
	defer router.Close()
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", cfg.listen)
	if err != nil {
		return fmt.Errorf("listen on APP_LISTEN: %w", err)
	}
	out := &postgres.Outbox{Router: router, App: cfg.name, Idempotent: cfg.idempotent, Keep: cfg.keep}
	w := &worker{brokers: cfg.brokers, outbox: out, doer: jobs.Doer{Record: out, Album: photo.Album{Dir: cfg.photos}}, log: log, counts: newCounts()}
	w.throttle = logs.Throttle{PerSecond: 5}
	lists, closeLists := w.lists(cfg.feed, router)
	defer func() { done = errors.Join(done, closeLists()) }()
	watch, stopWatch := context.WithCancel(context.WithoutCancel(ctx))
	defer stopWatch()
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return router.Run(watch) })
	g.Go(func() error { return aside.Serve(ctx, l, w.handler(), w.log, drainLimit) })
	g.Go(func() error { return lists(ctx) })
	g.Go(func() error {
		defer stopWatch()
		w.work(ctx)
		return nil
	})
	log.LogAttrs(ctx, slog.LevelInfo, "working; listening on "+l.Addr().String())
	return g.Wait()
}

// work connects to the broker, again whenever the connection is lost, until ctx ends.
func (w *worker) work(ctx context.Context) {
	for ctx.Err() == nil {
		err := w.connected(ctx)
		w.serving.Store(false)
		if ctx.Err() == nil {
			w.warn(ctx, "the broker is left", err)
			sleep(ctx, pause)
		}
	}
}

// connected relays and consumes until ctx ends or the connection fails.
func (w *worker) connected(ctx context.Context) error {
	if err := broker.Declare(ctx, w.brokers); err != nil {
		return err
	}
	c, err := broker.Dial(ctx, w.brokers)
	if err != nil {
		return err
	}
	defer c.Close()
	to, err := broker.NewPublisher(c)
	if err != nil {
		return err
	}
	w.log.LogAttrs(ctx, slog.LevelInfo, "connected to the broker at "+c.RemoteAddr().String())
	w.serving.Store(true)
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return w.relayUntil(ctx, to) })
	g.Go(func() error { return w.consume(ctx, c) })
	return g.Wait()
}

// consume does what is delivered, each job beside the others, and waits for those under way before it returns.
func (w *worker) consume(ctx context.Context, c *amqp.Connection) error {
	again, err := broker.NewPublisher(c)
	if err != nil {
		return err
	}
	var publishing sync.Mutex
	retry := func(ctx context.Context, m broker.Message, d time.Duration) error {
		publishing.Lock()
		defer publishing.Unlock()
		return again.Retry(context.WithoutCancel(ctx), m, d)
	}
	var under sync.WaitGroup
	defer under.Wait()
	return broker.Consume(ctx, c, prefetch, func(d broker.Delivery) {
		under.Go(func() {
			v := w.handle(ctx, d.Message)
			w.counts.jobs.WithLabelValues(v.outcome).Inc()
			if err := w.settle(ctx, d, v, retry); err != nil {
				w.warn(ctx, "job "+d.ID+" cannot be settled", err)
			}
		})
	})
}
