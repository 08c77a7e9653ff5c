package web

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// metrics of one server, in a registry of its own.
type metrics struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	sheds    *prometheus.CounterVec
}

// buckets bracket the deadlines: 300 ms of a statement, 800 ms of a write. In seconds.
var buckets = []float64{.001, .0025, .005, .01, .025, .05, .1, .2, .3, .5, .8, 1, 2}

func newMetrics(routes Routes) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "app_requests_total", Help: "Requests answered, by operation and status code."}, []string{"op", "code"}),
		seconds:  prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "app_request_duration_seconds", Help: "Time from the request's header to the end of its handler.", Buckets: buckets}, []string{"op"}),
		sheds:    prometheus.NewCounterVec(prometheus.CounterOpts{Name: "app_requests_shed_total", Help: "Requests refused because too many were in flight."}, []string{"op"}),
	}
	m.registry.MustRegister(m.requests, m.seconds, m.sheds, databases{routes}, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// op prepares the series of an operation, and returns how to count one request. Series of server errors start at 0: a
// rate over a series that appears with its first error would miss that error.
func (m *metrics) op(op string) func(code int, took time.Duration) {
	for _, code := range []string{"500", "503", "504"} {
		m.requests.WithLabelValues(op, code)
	}
	m.sheds.WithLabelValues(op)
	seconds := m.seconds.WithLabelValues(op)
	return func(code int, took time.Duration) {
		m.requests.WithLabelValues(op, strconv.Itoa(code)).Inc()
		seconds.Observe(took.Seconds())
	}
}

func (m *metrics) shed(op string) { m.sheds.WithLabelValues(op).Inc() }

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 2, Timeout: time.Second})
}

// databases collects the state of the router at each scrape.
type databases struct{ routes Routes }

func desc(name, help string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, []string{"node"}, nil)
}

var (
	descUp       = desc("app_database_up", "1 if the node answers its checks.")
	descPrimary  = desc("app_database_primary", "1 if writes go to the node.")
	descAcquired = desc("app_pool_connections_in_use", "Connections that requests hold.")
	descIdle     = desc("app_pool_connections_idle", "Connections that wait for use.")
	descMax      = desc("app_pool_connections_max", "Bound of the pool.")
	descAcquires = desc("app_pool_acquires_total", "Connections handed to requests.")
	descWaits    = desc("app_pool_waits_total", "Connections for which a request had to wait.")
	descGivenUp  = desc("app_pool_given_up_total", "Requests that gave up waiting for a connection.")
	descOpened   = desc("app_pool_opened_total", "Connections opened.")
	descLag      = desc("app_database_lag_seconds", "Age of the oldest change that a replica does not show; not there while that is unknown.")
)

// Describe implements prometheus.Collector.
func (d databases) Describe(ch chan<- *prometheus.Desc) {
	for _, x := range []*prometheus.Desc{descUp, descPrimary, descAcquired, descIdle, descMax, descAcquires, descWaits, descGivenUp, descOpened, descLag} {
		ch <- x
	}
}

// Collect implements prometheus.Collector.
func (d databases) Collect(ch chan<- prometheus.Metric) {
	primaries := strings.Split(d.routes.Route().Primary, "+")
	for _, s := range d.routes.Stats() {
		gauge := func(x *prometheus.Desc, v float64) {
			ch <- prometheus.MustNewConstMetric(x, prometheus.GaugeValue, v, s.Node)
		}
		counter := func(x *prometheus.Desc, v int64) {
			ch <- prometheus.MustNewConstMetric(x, prometheus.CounterValue, float64(v), s.Node)
		}
		gauge(descUp, one(s.Up))
		gauge(descPrimary, one(slices.Contains(primaries, s.Node)))
		gauge(descAcquired, float64(s.Acquired))
		gauge(descIdle, float64(s.Idle))
		gauge(descMax, float64(s.Max))
		counter(descAcquires, s.Acquires)
		counter(descWaits, s.EmptyAcquires)
		counter(descGivenUp, s.CanceledAcquires)
		counter(descOpened, s.Opened)
		if s.BehindKnown {
			gauge(descLag, s.Behind.Seconds())
		}
	}
}

func one(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
