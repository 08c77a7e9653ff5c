package cache

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

// counts since the start.
type counts struct {
	hits, stale, misses, loads, errors, bypassed atomic.Int64
}

var (
	descReads = prometheus.NewDesc("app_cache_reads_total", "Reads by what the cache had: hit, stale (served while a new one was fetched) or miss.", []string{"result"}, nil)
	descLoads = prometheus.NewDesc("app_cache_loads_total", "Fetches from the database to fill the cache.", nil, nil)
	descErrs  = prometheus.NewDesc("app_cache_errors_total", "Calls to the cache that failed or were late.", nil, nil)
	descPass  = prometheus.NewDesc("app_cache_bypassed_total", "Calls to the cache that were left out because it had failed before.", nil, nil)
	descOpen  = prometheus.NewDesc("app_cache_bypass", "1 while the cache is bypassed.", nil, nil)
)

// Reads are the reads since the start that the cache answered, with a stale entry too, and those that it did not.
func (s *Store) Reads() (hits, misses int64) {
	return s.counts.hits.Load() + s.counts.stale.Load(), s.counts.misses.Load()
}

// Loads are the fetches from the database since the start to fill the cache.
func (s *Store) Loads() int64 { return s.counts.loads.Load() }

// Describe implements prometheus.Collector.
func (s *Store) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{descReads, descLoads, descErrs, descPass, descOpen} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (s *Store) Collect(ch chan<- prometheus.Metric) {
	count := func(d *prometheus.Desc, n *atomic.Int64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n.Load()), labels...)
	}
	count(descReads, &s.counts.hits, "hit")
	count(descReads, &s.counts.stale, "stale")
	count(descReads, &s.counts.misses, "miss")
	count(descLoads, &s.counts.loads)
	count(descErrs, &s.counts.errors)
	count(descPass, &s.counts.bypassed)
	open := 0.0
	if s.breaker.Open() {
		open = 1
	}
	ch <- prometheus.MustNewConstMetric(descOpen, prometheus.GaugeValue, open)
}
