package run

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"gauntlet/compose"
	"gauntlet/experiments/history"
	"gauntlet/experiments/monitor"
	"gauntlet/experiments/probe"
	"gauntlet/experiments/spec"
)

// monitorFolder is where in a recording the Prometheus database lies.
const monitorFolder = "prometheus"

// monitored is the Prometheus beside a run; nil where the experiment names no rules and no queries.
type monitored struct {
	store   *monitor.Store
	scraper *monitor.Scraper
	eval    *monitor.Evaluator
	probes  []spec.Probe
	every   time.Duration
	gauges  *seriesOf
}

// monitorOf opens the database in the recording's folder.
func (r *runner) monitorOf(rec *recorder) (*monitored, error) {
	if len(r.exp.Alerts)+len(r.exp.Probes) == 0 {
		return nil, nil
	}
	_, rules, err := r.exp.AlertRules()
	if err != nil {
		return nil, err
	}
	own, err := targetsNamed(r.exp.Scrapes, r.on)
	if err != nil {
		return nil, err
	}
	store, err := monitor.Open(filepath.Join(r.dir, monitorFolder))
	if err != nil {
		return nil, err
	}
	m := &monitored{store: store, probes: r.exp.Probes, every: rules.Scrape(), eval: monitor.NewEvaluator(store, rules), gauges: &seriesOf{last: map[[2]string]probe.Point{}}}
	if len(r.exp.Alerts) == 0 {
		m.every = monitor.Shortest // no rule asks for more patience
	}
	m.scraper = monitor.NewScraper(store, once(append(targetsOf(r.on), own...)), min(m.every, time.Second))
	rec.series = m.gauges
	what := fmt.Sprintf("%d queries", len(m.probes))
	if len(r.exp.Alerts) > 0 {
		what += ", " + rules.Summary()
	}
	r.say("%s; scraped every %s into %s", what, m.every, filepath.Join(r.dir, monitorFolder))
	return m, nil
}

// once leaves out what is there already: a series that is scraped twice counts twice in every sum.
func once(all []monitor.Target) []monitor.Target {
	var out []monitor.Target
	for _, t := range all {
		if !slices.ContainsFunc(out, func(o monitor.Target) bool { return o.URL == t.URL }) {
			out = append(out, t)
		}
	}
	return out
}

// errScrape means that a container whose metrics the experiment wants can't be asked for them.
var errScrape = errors.New("scrape")

// targetsNamed are the metrics that the experiment names. A service without a container, or one whose port is not published, is an
// error: a query of it would never have a value.
func targetsNamed(all []spec.Scrape, on []compose.Container) ([]monitor.Target, error) {
	var out []monitor.Target
	var errs []error
	for _, s := range all {
		found := false
		for _, c := range on {
			if c.Service != s.Service {
				continue
			}
			found = true
			if c.Ports[s.Port] == "" {
				errs = append(errs, fmt.Errorf("%w: port %d of %s is not published on this machine; publish it, such as ports: [\"127.0.0.1::%d\"]", errScrape, s.Port, c.Name, s.Port))
				continue
			}
			out = append(out, monitor.Target{Job: s.Service, Instance: c.Name, URL: "http://" + c.Ports[s.Port] + s.Path})
		}
		if !found {
			errs = append(errs, fmt.Errorf("%w: no container of service %s runs", errScrape, s.Service))
		}
	}
	return out, errors.Join(errs...)
}

// targetsOf are the containers that say where their metrics are.
func targetsOf(on []compose.Container) []monitor.Target {
	var out []monitor.Target
	for _, c := range on {
		var port int
		var path string
		if n, _ := fmt.Sscanf(c.Metrics, "%d %s", &port, &path); n == 2 && c.Ports[port] != "" {
			out = append(out, monitor.Target{Job: c.Tier, Instance: c.Name, URL: "http://" + c.Ports[port] + path})
		}
	}
	return out
}

// run scrapes and evaluates until ctx ends, and closes the database.
func (m *monitored) run(ctx context.Context, rec *recorder) (err error) {
	defer func() { err = errors.Join(err, m.store.Close()) }()
	defer m.scraper.Close()
	tick := time.NewTicker(m.every)
	defer tick.Stop()
	said := ""
	for {
		if err := m.once(ctx, rec); err != nil && err.Error() != said && ctx.Err() == nil {
			said = err.Error()
			rec.note(history.NoteError, "alerts: "+said)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// once scrapes, adds what the probes know, and evaluates the rules.
func (m *monitored) once(ctx context.Context, rec *recorder) error {
	at := time.Now()
	err := m.scraper.Scrape(ctx, at)
	err = errors.Join(err, m.store.Append(ctx, at, m.gauges.samples(at.Sub(rec.origin))))
	changes, evalErr := m.eval.Eval(ctx, at)
	for _, c := range changes {
		rec.alert(c)
	}
	m.ask(ctx, rec, at)
	return errors.Join(err, evalErr)
}

// ask records what the user's queries are worth. One without a value is a gap.
func (m *monitored) ask(ctx context.Context, rec *recorder, at time.Time) {
	for _, pr := range m.probes {
		began := time.Now()
		got, err := m.store.Query(ctx, pr.Query, at)
		if ctx.Err() != nil {
			return
		}
		point := probe.Point{Metric: probe.PromQL, Target: pr.Name, At: at.Sub(rec.origin), Took: time.Since(began)}
		if err != nil {
			point.Err = err.Error()
			rec.Point(point)
		}
		for _, v := range got {
			point.Target, point.Value = pr.Name+v.Labels, v.Value
			rec.Point(point)
		}
	}
}

// alert records a change of an alert's state, and says it if somebody would have been told.
func (r *recorder) alert(c monitor.Transition) {
	r.Alert(history.Alert{At: c.At.Sub(r.origin), Name: c.Alert, Labels: c.Labels, To: c.To, Value: finite(c.Value)})
	r.gauges.alert(c)
	if c.To == monitor.Firing {
		r.say(fmt.Sprintf("alert %s%s fires", c.Alert, strings.TrimSuffix(c.Labels, "{}")))
	}
}

// finite is what JSON can hold.
func finite(x float64) float64 {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return 0
	}
	return x
}

// seriesOf keeps what probes said last, as series for the rules.
type seriesOf struct {
	mu   sync.Mutex
	last map[[2]string]probe.Point // by series and label
}

// monitorFresh is how old a probe's word may be.
const monitorFresh = 2 * time.Second

func (s *seriesOf) point(p probe.Point) {
	if name, _ := monitor.SeriesOf(p.Metric); name == "" || p.Err != "" {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last[[2]string{p.Metric, p.Target}] = p
}

// samples are the series now. One that nobody has spoken of lately ends.
func (s *seriesOf) samples(now time.Duration) []monitor.Sample {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []monitor.Sample
	for key, p := range s.last {
		name, label := monitor.SeriesOf(p.Metric)
		v := p.Value
		if now-p.At > monitorFresh {
			v = math.NaN()
			delete(s.last, key)
		}
		out = append(out, monitor.Sample{Name: name, Labels: []string{label, p.Target}, Value: v})
	}
	return out
}
