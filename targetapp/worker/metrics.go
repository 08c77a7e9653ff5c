package worker

import (
	"io"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
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
	mux := http.NewServeMux()
	mux.HandleFunc("GET /health", func(rw http.ResponseWriter, _ *http.Request) { io.WriteString(rw, `{"status":"alive"}`+"\n") })
	mux.HandleFunc("GET /ready", func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Type", "application/json")
		if !w.serving.Load() {
			rw.WriteHeader(http.StatusServiceUnavailable)
			io.WriteString(rw, `{"ready":false,"missing":["the broker does not deliver"]}`+"\n")
			return
		}
		io.WriteString(rw, `{"ready":true,"missing":[]}`+"\n")
	})
	mux.Handle("GET /metrics", promhttp.HandlerFor(w.counts.registry, promhttp.HandlerOpts{}))
	return mux
}
