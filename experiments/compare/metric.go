package compare

import (
	"fmt"
	"slices"
	"strings"

	"gauntlet/experiments/score"
	"gauntlet/experiments/spec"
)

// metric is what must be known of a measure to compare it.
type metric struct {
	name string // as on the card, such as write_outage
	base string // without the class, such as outage
	unit string
	more bool // more is better
}

// metricOf finds a metric by the name that it has on a card; the unit is the card's.
func metricOf(name, unit string) metric {
	out := metric{name: name, base: name, unit: unit}
	for _, m := range spec.Metrics() {
		if name == m.Name {
			return metric{name, m.Name, m.Unit, m.More}
		}
		if m.PerClass && strings.HasSuffix(name, "_"+m.Name) && (out.base == name || len(m.Name) > len(out.base)) {
			out = metric{name, m.Name, m.Unit, m.More}
		}
	}
	return out
}

// as takes from a measure what only it knows: whether more is better of a query of the user's own.
func (m metric) as(of score.Measure) metric {
	m.more = m.more || of.More
	return m
}

// badness turns a value so that less is better and 0 is best: 1 - ratio and 100 - points, else the value itself. A fifth more
// of it is a fifth more of what went wrong; of an availability of 0.99, a fifth would be nothing.
func (m metric) badness(x float64) float64 {
	switch {
	case !m.more:
		return x
	case m.unit == "ratio":
		return 1 - x
	case m.unit == "points":
		return 100 - x
	default:
		return -x
	}
}

// worst is the end of an interval that is worse, as badness.
func (m metric) worst(v score.Interval) float64 { return max(m.badness(v.Lo), m.badness(v.Hi)) }

// floors are the smallest differences that the instrument can tell, by metric and then by unit. A slot of lost seconds is 0.1 s;
// a heartbeat 0.1 s and its reading; a fault's time 20 ms or so; a percentile of a histogram with three digits is no better
// than a machine's own jitter of 1 ms. Counts are exact.
var floors = map[string]float64{
	"lost_seconds": 0.1, "after_effect": 0.1, "availability": 0.001, "replication_lag": 0.15, "score": 0.5,
	"p50": 0.001, "p95": 0.001, "p99": 0.001, "baseline_p99": 0.001, "seconds": 0.02, "count": 0, "ratio": 0.001, "points": 0.5,
}

// resolution is the difference below which two values of m are the same to the instrument: half the width of the printed
// intervals (their median), or the metric's floor if that is more.
func (m metric) resolution(values []score.Interval) float64 {
	floor, known := floors[m.base]
	if !known {
		floor = floors[m.unit]
	}
	widths := make([]float64, len(values))
	for i, v := range values {
		widths[i] = (v.Hi - v.Lo) / 2
	}
	if len(widths) == 0 {
		return floor
	}
	return max(floor, median(widths))
}

// values are the runs' values of a metric; why says what is missing, "" if nothing is.
func values(runs []Run, name string) (out []score.Interval, why string) {
	silent, reason := 0, ""
	for _, r := range runs {
		m, found := r.measure(name)
		switch {
		case !found:
			silent, reason = silent+1, "not measured"
		case !m.Known:
			silent, reason = silent+1, m.Why
		default:
			out = append(out, m.Value)
		}
	}
	if silent == 0 {
		return out, ""
	}
	return out, strings.TrimSuffix(fmt.Sprintf("%d of %d runs have no value: %s", silent, len(runs), reason), ": ")
}

// points are the middles of intervals.
func points(all []score.Interval) []float64 {
	out := make([]float64, len(all))
	for i, v := range all {
		out[i] = v.Value
	}
	return out
}

// family are the metrics that an experiment is about: its goals and its score. Only these are tested, so that the tests are
// few enough to show anything.
func family(runs []Run) []metric {
	var out []metric
	for _, r := range runs {
		for _, g := range r.Goals {
			if !slices.ContainsFunc(out, func(m metric) bool { return m.name == g.Metric }) {
				out = append(out, metricOf(g.Metric, g.Unit).as(g))
			}
		}
	}
	if !slices.ContainsFunc(out, func(m metric) bool { return m.name == "score" }) {
		out = append(out, metricOf("score", "points"))
	}
	return out
}

// others are the metrics that were measured and are not in the family.
func others(runs []Run, in []metric) []metric {
	var out []metric
	for _, r := range runs {
		for _, m := range r.Measures {
			same := func(x metric) bool { return x.name == m.Metric }
			if !slices.ContainsFunc(in, same) && !slices.ContainsFunc(out, same) {
				out = append(out, metricOf(m.Metric, m.Unit).as(m))
			}
		}
	}
	return out
}
