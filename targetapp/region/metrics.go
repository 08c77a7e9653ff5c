package region

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// metrics serves how long the lease lasts and whether the databases live.
func (a *agent) metrics() http.Handler {
	r := prometheus.NewRegistry()
	r.MustRegister(
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "region_lease_seconds", Help: "For how long this region may still write; 0: it may not."},
			func() float64 { return float64(a.state().LeftMS) / 1000 }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "region_able", Help: "1 while this region's databases could serve writes."},
			func() float64 {
				if a.state().Able {
					return 1
				}
				return 0
			}),
	)
	return promhttp.HandlerFor(r, promhttp.HandlerOpts{})
}
