package report

import (
	"slices"
	"strings"

	"gauntlet/experiments/probe"
	"gauntlet/experiments/score"
)

// ownPanel draws a query of the user's own.
type ownPanel struct {
	Name  string
	Chart chart
}

// ownMetric is the gauge of a query, by the query's name; its targets are the series.
func ownMetric(name string) string { return probe.PromQL + " " + name }

// owned tells the metric and the target of a point: those of a query are its name and the series' labels.
func owned(p probe.Point) (metric, target string) {
	if p.Metric != probe.PromQL {
		return p.Metric, p.Target
	}
	name, labels, found := strings.Cut(p.Target, "{")
	if !found {
		return ownMetric(name), name
	}
	return ownMetric(name), "{" + labels
}

// own draws a panel for each query that was asked.
func (d *drawer) own() []ownPanel {
	var names []string
	for _, g := range d.t.Gauges {
		if name, ok := strings.CutPrefix(g.Metric, probe.PromQL+" "); ok && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	var out []ownPanel
	for _, name := range names {
		unit := unitOf(*d.card, name)
		label, short := count, ""
		switch unit {
		case "seconds":
			label, short = axisSeconds, "s"
		case "ratio":
			label = percent
		case "bytes":
			label, short = byteSize, "B"
		}
		out = append(out, ownPanel{name, d.gaugePanel("own-"+name, []string{ownMetric(name)}, label, short)})
	}
	return out
}

// unitOf is the unit in which the card has a measure.
func unitOf(c score.Card, name string) string {
	for _, m := range c.Measures {
		if m.Metric == name {
			return m.Unit
		}
	}
	return ""
}
