package report

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"time"

	"gauntlet/experiments/history"
	"gauntlet/experiments/probe"
)

// double makes slices twice as long.
func (f *folder) double() {
	f.t.Step *= 2
	for _, c := range f.classes {
		c.slices = pairs(c.slices, mergeSlices)
	}
	for _, k := range f.kinds {
		k.Counts = pairs(k.Counts, func(a, b uint32) uint32 { return a + b })
	}
	for _, g := range f.gauges {
		g.Max = pairs(padded(g.Max), maxOf)
		g.Failed = pairs(g.Failed, func(a, b uint32) uint32 { return a + b })
	}
}

// padded makes the length even with a gap, which is no zero.
func padded(v []float64) []float64 {
	if len(v)%2 == 1 {
		return append(v, math.NaN())
	}
	return v
}

// pairs merges neighbours; the last of an odd number is merged with a zero value.
func pairs[T any](in []T, merge func(a, b T) T) []T {
	var zero T
	out := make([]T, 0, (len(in)+1)/2)
	for i := 0; i < len(in); i += 2 {
		b := zero
		if i+1 < len(in) {
			b = in[i+1]
		}
		out = append(out, merge(in[i], b))
	}
	return out
}

// maxOf is the larger of two values of which any may be a gap.
func maxOf(a, b float64) float64 {
	if math.IsNaN(a) || b > a {
		return b
	}
	return a
}

func mergeSlices(a, b sliceFold) sliceFold {
	a.Planned += b.Planned
	a.Good += b.Good
	a.Slow += b.Slow
	a.Fail += b.Fail
	a.Info += b.Info
	a.Missed += b.Missed
	if a.lat == nil {
		a.lat = b.lat
	} else {
		a.lat.merge(b.lat)
	}
	return a
}

// timeline ends the folding.
func (f *folder) timeline() Timeline {
	f.t.From, f.t.To = f.extent()
	_, end := f.t.slices()
	keys := slices.SortedFunc(maps.Keys(f.classes), compareKeys)
	for _, k := range keys {
		f.t.Classes = append(f.t.Classes, f.classes[k].series(k, end, f.t.Step, f.paused))
	}
	f.t.Errors = sorted(f.kinds, func(a, b ErrorKind) int {
		return cmp.Or(cmp.Compare(b.Total, a.Total), cmp.Compare(a.Kind, b.Kind))
	})
	f.t.Gauges = sorted(f.gauges, func(a, b Gauge) int {
		return cmp.Or(cmp.Compare(a.Metric, b.Metric), cmp.Compare(a.Target, b.Target))
	})
	f.t.Coverage = sorted(f.watch, func(a, b Coverage) int { return cmp.Compare(a.Target, b.Target) })
	f.level(end)
	return f.t
}

// level makes all series equally long.
func (f *folder) level(end int) {
	for i := range f.t.Errors {
		at(&f.t.Errors[i].Counts, end-1, 0)
	}
	for i := range f.t.Gauges {
		at(&f.t.Gauges[i].Max, end-1, math.NaN())
		at(&f.t.Gauges[i].Failed, end-1, 0)
	}
	slices.SortStableFunc(f.t.Changes, func(a, b probe.Change) int { return cmp.Compare(a.At, b.At) })
	slices.SortStableFunc(f.t.Phases, func(a, b history.PhaseStart) int { return cmp.Compare(a.At, b.At) })
}

// extent is what will be drawn: the load and the faults, in whole slices; at least one.
func (f *folder) extent() (from, to time.Duration) {
	from, to = f.first, f.last+1
	if !f.any {
		from, to = f.withoutLoad()
	}
	for _, n := range f.t.Faults {
		to = max(to, n.Began, n.Healed)
	}
	f.index(to)
	step := f.t.Step
	from = max(from, 0) / step * step
	return from, max((to+step-1)/step*step, from+step)
}

// withoutLoad is what is drawn of a run that sent nothing: all its phases.
func (f *folder) withoutLoad() (from, to time.Duration) {
	for _, p := range f.t.Phases {
		to = max(to, p.At)
	}
	return 0, to
}

// series ends the folding of one class. Seconds in which this machine paused are void, like those in which the generator was late.
func (c *classFold) series(k seriesKey, end int, step time.Duration, paused []time.Duration) Series {
	at(&c.slices, end-1, sliceFold{})
	out := Series{Name: k.a, Region: k.b, Slices: make([]Slice, len(c.slices))}
	for i, b := range c.slices {
		if b.lat != nil {
			b.P50, b.P99, b.Max = b.lat.quantile(0.50), b.lat.quantile(0.99), b.lat.max
		}
		out.Slices[i] = b.Slice
	}
	for sec, l := range c.lags {
		if l.voided() {
			out.Slices[int(time.Duration(sec)*time.Second/step)].Voided = true
		}
	}
	for _, at := range paused {
		if i := int(at / step); i < len(out.Slices) {
			out.Slices[i].Voided = true
		}
	}
	return out
}
