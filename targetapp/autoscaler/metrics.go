package autoscaler

import (
	"context"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"gauntlet/targetapp/aside"
)

// counts of the autoscaler, in a registry of their own.
type counts struct {
	registry *prometheus.Registry
	replicas *prometheus.GaugeVec
	measure  *prometheus.GaugeVec
	actions  *prometheus.CounterVec
	errors   prometheus.Counter
}

func newCounts(rules Rules) *counts {
	c := &counts{
		registry: prometheus.NewRegistry(),
		replicas: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "autoscaler_replicas", Help: "Containers of a tier that run."}, []string{"service"}),
		measure:  prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "autoscaler_measure", Help: "What the tier's rule goes by: jobs that wait, or mean share of processors in [0,1]. Gone while it is not known."}, []string{"service", "measure"}),
		actions:  prometheus.NewCounterVec(prometheus.CounterOpts{Name: "autoscaler_actions_total", Help: "Times that containers were added (out) or removed (in), by whether all could be."}, []string{"service", "action", "result"}),
		errors:   prometheus.NewCounter(prometheus.CounterOpts{Name: "autoscaler_errors_total", Help: "Looks at which the engine could not be asked."}),
	}
	for _, r := range rules.Rules {
		for _, action := range []string{"out", "in"} {
			c.actions.WithLabelValues(r.Tier, action, "done")
			c.actions.WithLabelValues(r.Tier, action, "failed")
		}
	}
	c.registry.MustRegister(c.replicas, c.measure, c.actions, c.errors, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return c
}

func (c *counts) saw(r Rule, f Fleet, got Reading) {
	c.replicas.WithLabelValues(r.Tier).Set(float64(f.Running))
	if got.Err != nil {
		c.measure.DeleteLabelValues(r.Tier, r.Measure)
		return
	}
	c.measure.WithLabelValues(r.Tier, r.Measure).Set(got.Value)
}

func (c *counts) acted(r Rule, change int, err error) {
	action, result := "out", "done"
	if change < 0 {
		action = "in"
	}
	if err != nil {
		result = "failed"
	}
	c.actions.WithLabelValues(r.Tier, action, result).Inc()
}

func (a *autoscaler) handler() http.Handler {
	missing := func(context.Context) string {
		if !a.seeing.Load() {
			return "the engine does not answer"
		}
		return ""
	}
	return aside.Handler(missing, promhttp.HandlerFor(a.counts.registry, promhttp.HandlerOpts{}))
}
