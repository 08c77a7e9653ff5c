package worker

import (
	"context"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"gauntlet/targetapp/aside"
)

// counts of one worker, in a registry of their own.
type counts struct {
	registry *prometheus.Registry
	relayed  prometheus.Counter
	jobs     *prometheus.CounterVec
	age      prometheus.Histogram
	wait     prometheus.Histogram
}

func newCounts() *counts {
	c := &counts{
		registry: prometheus.NewRegistry(),
		relayed:  prometheus.NewCounter(prometheus.CounterOpts{Name: "app_jobs_relayed_total", Help: "Jobs taken out of the outbox for the broker."}),
		jobs:     prometheus.NewCounterVec(prometheus.CounterOpts{Name: "app_jobs_total", Help: "Attempts by outcome: done, again (was done before), retry, dead."}, []string{"outcome"}),
		age:      prometheus.NewHistogram(prometheus.HistogramOpts{Name: "app_job_age_seconds", Help: "Time from a job's making to its end.", Buckets: []float64{.05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300}}),
	}
	c.wait = prometheus.NewHistogram(prometheus.HistogramOpts{Name: "app_job_broker_wait_seconds", Help: "Time from when the broker was handed a job until it delivered it, of first attempts. As long as it delivers in order, that is the age of its oldest message at that moment.", Buckets: []float64{.005, .025, .1, .5, 1, 5, 10, 30, 60, 300}})
	for _, outcome := range []string{"done", "again", "retry", "dead"} {
		c.jobs.WithLabelValues(outcome)
	}
	c.registry.MustRegister(c.relayed, c.jobs, c.age, c.wait, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return c
}

func (w *worker) handler() http.Handler {
	missing := func(context.Context) string {
		if !w.serving.Load() {
			return "the broker does not deliver"
		}
		return ""
	}
	return aside.Handler(missing, promhttp.HandlerFor(w.counts.registry, promhttp.HandlerOpts{}))
}
