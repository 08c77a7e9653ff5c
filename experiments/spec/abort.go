package spec

import (
	"slices"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// Abort ends a run early: the faults are healed at once, and the card says why. It is watched beside the faults, from live
// numbers, and only once the first step has begun.
type Abort struct {
	Metric string        // availability, p99 or replication_lag
	Class  string        // operation class, "" for all of them together
	Over   time.Duration // the last so long, all of it
	Below  *float64      // exactly one of Below and Above is set, in the metric's base unit
	Above  *float64
	Text   string // as written, such as "availability below 0.05 over 10s"
	Line   int
}

var abortKeys = []string{"metric", "over", "below", "above"}

// abortMetrics are those that are known while a run goes on.
var abortMetrics = []string{"availability", "p99", "replication_lag"}

const (
	defaultOver = 10 * time.Second
	maxOver     = 5 * time.Minute
)

func (p *problems) aborts(o object, e Experiment) []Abort {
	var out []Abort
	for _, n := range p.list(o, "abort") {
		out = append(out, p.abort(n, e))
	}
	if len(out) > 0 && len(e.Steps) == 0 {
		p.at(o.where("abort"), "remove abort", "without steps there is nothing to abort")
	}
	return out
}

func (p *problems) abort(n *yaml.Node, e Experiment) Abort {
	o := p.object(n, "abort", abortKeys...)
	a := Abort{Line: n.Line, Over: p.duration(o, "over", defaultOver, time.Second, maxOver)}
	name := p.required(o, "metric", "name one of: "+strings.Join(abortMetrics, ", "))
	m, class, ok := metric(name, classes(e.Load))
	switch {
	case name == "":
		return a
	case !ok || !slices.Contains(abortMetrics, m.Name):
		p.at(o.where("metric"), among("while a run goes on there are", name, abortMetrics), "%q can't abort a run", name)
		return a
	}
	a.Metric, a.Class = m.Name, class
	switch below, above := o.has("below"), o.has("above"); {
	case below == above:
		p.at(n, "write one of them, such as below: 0.05", "abort on %s needs either below or above", name)
	case below:
		a.Below, a.Text = p.bound(o, "below", m.Unit), name+" below "+p.text(o, "below")
	default:
		a.Above, a.Text = p.bound(o, "above", m.Unit), name+" above "+p.text(o, "above")
	}
	a.Text += " over " + short(a.Over)
	return a
}
