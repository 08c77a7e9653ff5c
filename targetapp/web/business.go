package web

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// adPrice is what showing an advertisement once brings, in euros: 2 € for a thousand, in the range of what feeds are paid. Each
// feed or page that is answered shows one. What an edge serves by itself is not seen here and not counted.
const adPrice = 0.002

const (
	dailyEvery = 15 * time.Second // how often the database is told who came, and asked how many did
	dailyLimit = 2 * time.Second  // for both
	dailyFresh = time.Minute      // so old may be what it said; then it is not said any more
	maxSeen    = 200_000          // users that a node remembers, 4 MB; with more it tells the database about some again
)

// Daily keeps which users came today (UTC), of all web nodes together; postgres.Daily is one. Telling it twice is harmless.
type Daily interface {
	Came(ctx context.Context, users []int64) error
	Today(ctx context.Context) (users int64, err error)
}

// business counts what the owners of the app want to know, as a collector of metrics.
type business struct {
	visits, signups, ads, revenue prometheus.Counter

	mu    sync.Mutex
	day   int64              // since 1970, of seen
	seen  map[int64]struct{} // who came today
	fresh []int64            // of them, those that the database does not know of yet
	users int64              // of today, as the database said
	asked time.Time          // when it said so
}

func newBusiness() *business {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	return &business{
		visits: counter("app_page_visits_total", "Front pages answered."), signups: counter("app_signups_total", "Users who signed up."),
		ads:     counter("app_ad_impressions_total", "Advertisements shown: one with each feed or front page."),
		revenue: counter("app_revenue_euros_total", "What they brought, at 0.002 euros each."),
		seen:    map[int64]struct{}{},
	}
}

// answered counts an answer to an operation.
func (b *business) answered(op string, code int) {
	switch {
	case op == "signup" && code == http.StatusCreated:
		b.signups.Inc()
	case op == "page" && code == http.StatusOK:
		b.visits.Inc()
		b.ad()
	case op == "feed" && code == http.StatusOK:
		b.ad()
	}
}

func (b *business) ad() {
	b.ads.Inc()
	b.revenue.Add(adPrice)
}

// came notes that a user logged in, signed up or did something as who they are.
func (b *business) came(user int64, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if day := now.Unix() / 86400; day != b.day || len(b.seen) >= maxSeen {
		clear(b.seen)
		b.day = day
	}
	if _, ok := b.seen[user]; !ok {
		b.seen[user] = struct{}{}
		b.fresh = append(b.fresh, user)
	}
}

// run keeps the database informed until ctx ends, and once more then.
func (b *business) run(ctx context.Context, d Daily, log *slog.Logger) {
	tick := time.NewTicker(dailyEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			b.exchange(context.WithoutCancel(ctx), d, log)
			return
		case <-tick.C:
			b.exchange(ctx, d, log)
		}
	}
}

// exchange tells who came and asks how many did. Who could not be told of is told of the next time.
func (b *business) exchange(ctx context.Context, d Daily, log *slog.Logger) {
	ctx, cancel := context.WithTimeout(ctx, dailyLimit)
	defer cancel()
	b.mu.Lock()
	fresh := b.fresh
	b.fresh = nil
	b.mu.Unlock()
	if len(fresh) > 0 {
		if err := d.Came(ctx, fresh); err != nil {
			log.LogAttrs(ctx, slog.LevelWarn, "the users of today are not kept: "+err.Error())
			b.mu.Lock()
			b.fresh = append(fresh, b.fresh...)
			b.mu.Unlock()
			return
		}
	}
	n, err := d.Today(ctx)
	if err != nil {
		return // the metric goes when it is no longer fresh
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.users, b.asked = n, time.Now()
}

var descDaily = prometheus.NewDesc("app_daily_active_users", "Users who came today (UTC), of all web nodes together.", nil, nil)

// Describe implements prometheus.Collector.
func (b *business) Describe(ch chan<- *prometheus.Desc) {
	for _, c := range []prometheus.Counter{b.visits, b.signups, b.ads, b.revenue} {
		c.Describe(ch)
	}
	ch <- descDaily
}

// Collect implements prometheus.Collector.
func (b *business) Collect(ch chan<- prometheus.Metric) {
	for _, c := range []prometheus.Counter{b.visits, b.signups, b.ads, b.revenue} {
		c.Collect(ch)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if time.Since(b.asked) < dailyFresh {
		ch <- prometheus.MustNewConstMetric(descDaily, prometheus.GaugeValue, float64(b.users))
	}
}
