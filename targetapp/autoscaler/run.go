package autoscaler

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"sync/atomic"
	"time"

	"gauntlet/targetapp/aside"
	"gauntlet/targetapp/postgres"

	"golang.org/x/sync/errgroup"
)

// autoscaler looks, decides and acts, one thing at a time.
type autoscaler struct {
	rules     Rules
	hands     Hands
	addresses addresses
	measure   func(ctx context.Context, r Rule, tier []Container) (float64, error)
	ready     func(ctx context.Context, c Container) error
	log       *slog.Logger
	counts    *counts

	past   map[string][]Reading // by tier
	last   map[string]time.Time // of each tier's last action
	why    map[string]string    // of each tier's last decision
	seeing atomic.Bool          // the last look could list the project
}

// Run works until ctx ends. It returns an error if the configuration is wrong, the port is taken, or the engine can't be asked which
// project this is.
func Run(ctx context.Context, env func(string) string, log *slog.Logger) error {
	cfg, err := readConfig(env)
	if err != nil {
		return err
	}
	project, err := FindProject(ctx, OpenEngine(cfg.socket), cfg.id)
	if err != nil {
		return err
	}
	project.Keep = os.Stdout
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", cfg.listen)
	if err != nil {
		return fmt.Errorf("listen on APP_LISTEN: %w", err)
	}
	a := newAutoscaler(cfg.rules, project, log)
	a.addresses, a.ready = cfg.addresses, askReady
	g, ctx := errgroup.WithContext(ctx)
	done, err := a.watch(ctx, g, cfg)
	if err != nil {
		return errors.Join(err, l.Close())
	}
	log.LogAttrs(ctx, slog.LevelInfo, "working in project "+project.Name+"; listening on "+l.Addr().String())
	g.Go(func() error { return aside.Serve(ctx, l, a.handler(), a.log, time.Second) })
	g.Go(func() error { defer done(); a.loop(ctx); return nil })
	return g.Wait()
}

func newAutoscaler(rules Rules, hands Hands, log *slog.Logger) *autoscaler {
	return &autoscaler{rules: rules, hands: hands, log: log, counts: newCounts(rules), past: map[string][]Reading{}, last: map[string]time.Time{}, why: map[string]string{}}
}

// watch prepares what the rules go by. The caller calls done when nothing is measured any more.
func (a *autoscaler) watch(ctx context.Context, g *errgroup.Group, cfg config) (done func(), err error) {
	cpus, done := newProcessors(), func() {}
	var jobs *depth
	if a.rules.goesBy(QueueDepth) {
		router, err := postgres.Open(cfg.members, cfg.name, a.log)
		if err != nil {
			return nil, err
		}
		queue, closeQueue := queueDepth(cfg.brokers)
		jobs = &depth{outbox: &postgres.Outbox{Router: router, App: cfg.name}, queue: queue}
		g.Go(func() error { return router.Run(ctx) })
		done = func() { closeQueue(); router.Close() }
	}
	a.measure = func(ctx context.Context, r Rule, tier []Container) (float64, error) {
		if r.Measure == CPU {
			return cpus.read(ctx, tier)
		}
		return jobs.read(ctx)
	}
	return done, nil
}

// loop looks again and again until ctx ends. What is under way then is finished: an action has its own deadline.
func (a *autoscaler) loop(ctx context.Context) {
	tick := time.NewTicker(a.rules.Every)
	defer tick.Stop()
	for {
		if err := a.look(ctx); err != nil && ctx.Err() == nil {
			a.counts.errors.Inc()
			a.log.LogAttrs(ctx, slog.LevelWarn, "look: "+err.Error())
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// look reads what the rules go by, and acts on the first that asks for something.
func (a *autoscaler) look(ctx context.Context) error {
	all, err := a.hands.List(ctx)
	a.seeing.Store(err == nil)
	if err != nil {
		return err
	}
	if err := a.sweep(ctx, all); err != nil {
		return err
	}
	acted := false
	for _, r := range a.rules.Rules {
		tier := tierOf(all, r.Tier)
		f := fleet(tier, a.last[r.Tier])
		a.note(r, f, a.reading(ctx, r, tier))
		if acted {
			continue // one at a time; the numbers are kept all the same
		}
		d := Decide(r, a.past[r.Tier], f, time.Now(), a.gap())
		a.tell(ctx, r, f, d)
		if d.Change != 0 {
			acted = true
			a.act(ctx, r, d.Change)
		}
	}
	return nil
}

// gap is the longest time between two readings that still belong together: two looks may fail or be late.
func (a *autoscaler) gap() time.Duration { return 3*a.rules.Every + time.Second }

func (a *autoscaler) reading(ctx context.Context, r Rule, tier []Container) Reading {
	v, err := a.measure(ctx, r, tier)
	return Reading{At: time.Now(), Value: v, Err: err}
}

// note keeps a reading, and forgets those that no rule reaches back to.
func (a *autoscaler) note(r Rule, f Fleet, got Reading) {
	keep := max(r.Out.For, r.In.For) + 2*a.gap()
	past := append(a.past[r.Tier], got)
	for len(past) > 0 && got.At.Sub(past[0].At) > keep {
		past = past[1:]
	}
	a.past[r.Tier] = past
	a.counts.saw(r, f, got)
}

// tell logs a decision to act, and each other one when it differs from the one before.
func (a *autoscaler) tell(ctx context.Context, r Rule, f Fleet, d Decision) {
	if d.Change == 0 && a.why[r.Tier] == d.Why {
		return
	}
	a.why[r.Tier] = d.Why
	past := a.past[r.Tier]
	now := past[len(past)-1]
	attrs := []slog.Attr{
		slog.String("service", r.Tier), slog.String("measure", r.Measure), slog.Float64("value", now.Value),
		slog.Int("replicas", f.Running), slog.Int("made", f.Made), slog.Int("change", d.Change), slog.String("why", d.Why),
	}
	if now.Err != nil {
		attrs = append(attrs, slog.String("error", now.Err.Error()))
	}
	a.log.LogAttrs(ctx, slog.LevelInfo, "decision", attrs...)
}

// act carries a decision out. Also a failure is an action that the next one waits for.
func (a *autoscaler) act(ctx context.Context, r Rule, change int) {
	began := time.Now()
	names, err := a.change(ctx, r, change)
	a.last[r.Tier] = time.Now()
	a.counts.acted(r, change, err)
	level, text := slog.LevelInfo, "done"
	if err != nil {
		level, text = slog.LevelError, "failed: "+err.Error()
	}
	a.log.LogAttrs(ctx, level, "action "+text, slog.String("service", r.Tier), slog.Int("change", change), slog.Any("containers", names),
		slog.Float64("seconds", time.Since(began).Seconds()))
}

// sweep removes what an autoscaler before this one left in the middle of something.
func (a *autoscaler) sweep(ctx context.Context, all []Container) error {
	for _, c := range leftovers(all) {
		if err := a.hands.Remove(ctx, c, time.Second); err != nil {
			return err
		}
		a.log.LogAttrs(ctx, slog.LevelInfo, "removed what was left behind: "+c.Name+", "+c.State)
	}
	return nil
}
