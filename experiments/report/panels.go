package report

import (
	"fmt"
	"math"
	"slices"
	"time"

	"gauntlet/experiments/probe"
	"gauntlet/experiments/score"
)

// drawer draws the panels of one timeline.
type drawer struct {
	t    *Timeline
	card *score.Card
	x    xscale
}

func newDrawer(t *Timeline, c *score.Card) *drawer {
	return &drawer{t: t, card: c, x: xscale{t.From, t.To}}
}

// panel is an empty panel with the shared axis, the faults shaded and the slices without evidence hatched.
func (d *drawer) panel(id, title string, height float64) chart {
	c := chart{ID: id, Title: title, Height: height, Top: 10, Bottom: height - 8, XTicks: d.x.ticks()}
	for _, f := range d.t.Faults {
		if b, ok := d.faultBand(f.Began, f.Healed); ok {
			b.Y, b.H = c.Top, c.Bottom-c.Top
			b.Title = fmt.Sprintf("fault %d: %s", f.Step+1, f.Kind)
			c.Bands = append(c.Bands, b)
		}
	}
	return c
}

// faultBand is the window in which a fault held. One that was not proven healed holds to the end.
func (d *drawer) faultBand(began, healed time.Duration) (band, bool) {
	if began <= 0 {
		return band{}, false
	}
	if healed <= 0 {
		healed = d.t.To
	}
	x := d.x.at(began)
	return band{X: x, W: max(d.x.at(healed)-x, 1), Css: "fault"}, true
}

func (d *drawer) slots(y yscale) slotted {
	first, end := d.t.slices()
	return slotted{x: d.x, y: y, step: d.t.Step, first: first, end: end}
}

// hatch marks runs of slices for which is holds.
func (d *drawer) hatch(c *chart, title string, is func(i int) bool) {
	s := d.slots(yscale{})
	for i := s.first; i < s.end; i++ {
		if !is(i) {
			continue
		}
		from := i
		for i < s.end && is(i) {
			i++
		}
		c.Hatches = append(c.Hatches, band{X: s.edge(from), Y: c.Top, W: s.edge(i) - s.edge(from), H: c.Bottom - c.Top, Css: "void", Title: title})
	}
}

// trace collects what is shown when the reader points at a slice.
func (d *drawer) trace(name, unit string, value func(i int) (float64, bool)) trace {
	first, end := d.t.slices()
	out := trace{Name: name, Unit: unit, V: make([]*float64, 0, end-first)}
	for i := first; i < end; i++ {
		v, ok := value(i)
		if !ok {
			out.V = append(out.V, nil)
			continue
		}
		v = math.Round(v*1e6) / 1e6
		out.V = append(out.V, &v)
	}
	return out
}

var voidTitle = fmt.Sprintf("no evidence: the load generator was late (send lag p99 above %s) or this machine paused for more than %s", voidLag, probe.StallLimit)

// throughput is the panel of one class: good answers filled, what was planned but not good in red above.
func (d *drawer) throughput(n int, s Series) chart {
	name := className(s.Name, s.Region)
	c := d.panel(fmt.Sprintf("rate-%d", n), name, 96)
	c.Class = name
	per := d.t.Step.Seconds()
	most := 0.0
	for _, b := range s.Slices {
		most = max(most, float64(b.Planned)/per)
	}
	slots := d.slots(linear(most, c.Top, c.Bottom))
	planned := func(i int) float64 { return float64(s.Slices[i].Planned) / per }
	good := func(i int) float64 { return float64(s.Slices[i].Good) / per }
	zero := func(int) float64 { return 0 }
	c.YTicks = slots.y.ticks(axisRate)
	c.Curves = []curve{
		{D: slots.area(zero, good), Css: "good"},
		{D: slots.area(good, planned), Css: "lost", Title: "planned, but not answered well"},
		{D: slots.line(always(planned)), Css: "planned"},
	}
	d.outageBars(&c, s)
	d.hatch(&c, voidTitle, func(i int) bool { return s.Slices[i].Voided })
	c.Data = []trace{d.trace("planned", "/s", always(planned)), d.trace("good", "/s", always(good))}
	return c
}

func always(f func(int) float64) func(int) (float64, bool) {
	return func(i int) (float64, bool) { return f(i), true }
}

// outageBars marks the class's outage windows, as the card has them, along the top of the panel.
func (d *drawer) outageBars(c *chart, s Series) {
	for _, k := range d.card.Classes {
		if k.Name != s.Name || k.Region != s.Region {
			continue
		}
		for _, o := range k.Outages {
			end := o.End
			if o.Open {
				end = d.t.To
			}
			x := d.x.at(o.Start)
			title := fmt.Sprintf("outage of %s: %s to %s, %s", c.Class, offset(o.Start), outageEnd(o), outageLength(o))
			c.Hatches = append(c.Hatches, band{X: x, Y: c.Top - 5, W: max(d.x.at(end)-x, 2), H: 4, Css: "outage", Title: title})
		}
	}
}

// latency is the panel of one class: quantiles of each slice on a logarithmic axis.
func (d *drawer) latency(n int, s Series) chart {
	name := className(s.Name, s.Region)
	c := d.panel(fmt.Sprintf("latency-%d", n), name, 130)
	c.Class = name
	limit := d.t.Header.Limit
	least, most := latencyRange(s, limit)
	if most == 0 {
		c.Empty = "no request of this class was answered well"
		return c
	}
	slots := d.slots(logarithmic(least.Seconds(), most.Seconds(), c.Top, c.Bottom))
	c.YTicks = slots.y.ticks(axisSeconds)
	for _, q := range []struct {
		name string
		of   func(Slice) time.Duration
	}{{"max", func(b Slice) time.Duration { return b.Max }}, {"p99", func(b Slice) time.Duration { return b.P99 }}, {"p50", func(b Slice) time.Duration { return b.P50 }}} {
		value := func(i int) (float64, bool) { v := q.of(s.Slices[i]); return v.Seconds(), v > 0 }
		c.Curves = append(c.Curves, curve{D: slots.line(value), Css: "line " + q.name})
		c.Labels = append(c.Labels, lineLabel(slots, value, q.name, q.name))
		c.Data = append(c.Data, d.trace(q.name, "s", value))
	}
	if limit > 0 {
		c.Limit = &tick{At: slots.y.at(limit.Seconds()), Label: "limit " + duration(limit)}
		c.Labels = append(c.Labels, tick{At: c.Limit.At, X: plotRight + 6, Label: c.Limit.Label, Css: "limit"})
	}
	c.Labels = dodge(c.Labels, 12, c.Top+4, c.Bottom)
	d.outageBars(&c, s)
	d.hatch(&c, voidTitle, func(i int) bool { return s.Slices[i].Voided })
	return c
}

// latencyRange is from the least median to the largest latency or the limit; 0, 0 if nothing was answered well.
func latencyRange(s Series, limit time.Duration) (least, most time.Duration) {
	for _, b := range s.Slices {
		if b.P50 > 0 && (least == 0 || b.P50 < least) {
			least = b.P50
		}
		most = max(most, b.Max)
	}
	if least == 0 {
		return 0, 0
	}
	if limit > 0 {
		return min(least, limit), max(most, limit)
	}
	return least, most
}

// lineLabel stands where a line ends.
func lineLabel(s slotted, value func(int) (float64, bool), label, css string) tick {
	for i := s.end - 1; i >= s.first; i-- {
		if v, ok := value(i); ok {
			return tick{At: s.y.at(v), X: s.edge(i+1) + 6, Label: label, Css: css}
		}
	}
	return tick{}
}

// shownKinds is how many kinds of errors have a colour of their own.
const shownKinds = 6

// errors is the panel of bad requests of all classes, stacked by kind.
func (d *drawer) errors() chart {
	c := d.panel("errors", "", 112)
	kinds := foldKinds(d.t.Errors)
	if len(kinds) == 0 {
		c.Empty = "none: every planned request was answered well and in time"
		return c
	}
	per := d.t.Step.Seconds()
	sums := make([]float64, len(kinds[0].Counts))
	most := 0.0
	for _, k := range kinds {
		for i, n := range k.Counts {
			sums[i] += float64(n) / per
			most = max(most, sums[i])
		}
	}
	slots := d.slots(linear(most, c.Top, c.Bottom))
	c.YTicks = slots.y.ticks(axisRate)
	base := make([]float64, len(sums))
	for n, k := range kinds {
		css := fmt.Sprintf("k%d", n)
		lower := append([]float64(nil), base...)
		for i, v := range k.Counts {
			base[i] += float64(v) / per
		}
		upper := append([]float64(nil), base...)
		c.Curves = append(c.Curves, curve{D: slots.area(from(lower), from(upper)), Css: css, Title: k.Kind})
		c.Legend = append(c.Legend, legend{Css: css, Label: fmt.Sprintf("%s: %s", k.Kind, thousands(k.Total))})
		c.Data = append(c.Data, d.trace(k.Kind, "/s", func(i int) (float64, bool) { return float64(k.Counts[i]) / per, k.Counts[i] > 0 }))
	}
	return c
}

func from(v []float64) func(int) float64 { return func(i int) float64 { return v[i] } }

// foldKinds keeps the most frequent kinds and adds up the others.
func foldKinds(all []ErrorKind) []ErrorKind {
	if len(all) <= shownKinds+1 {
		return all
	}
	rest := ErrorKind{Kind: fmt.Sprintf("%d other kinds", len(all)-shownKinds), Counts: make([]uint32, len(all[0].Counts))}
	for _, k := range all[shownKinds:] {
		rest.Total += k.Total
		for i, n := range k.Counts {
			rest.Counts[i] += n
		}
	}
	return append(append([]ErrorKind(nil), all[:shownKinds]...), rest)
}

// gaugePanel draws a probe's metric for all targets: lines that break where nothing was learnt, and a strip below for
// each target that shows where polls went without an answer.
func (d *drawer) gaugePanel(id string, metrics []string, label func(float64) string, unit string) chart {
	gauges := d.pick(metrics)
	silent := silentGauges(gauges)
	strips := gapRow * float64(len(silent))
	if strips > 0 {
		strips += 5
	}
	c := d.panel(id, "", 124+strips)
	c.Bottom -= strips
	least, most := gaugeRange(gauges)
	if math.IsInf(least, 1) {
		c.Empty = "not measured in this run"
		return c
	}
	slots := d.slots(logarithmic(least, most, c.Top, c.Bottom))
	c.YTicks = slots.y.ticks(label)
	for n, g := range gauges {
		css := d.gaugeColour(g, n)
		value := func(i int) (float64, bool) { return max(g.Max[i], 0), !math.IsNaN(g.Max[i]) }
		c.Curves = append(c.Curves, curve{D: slots.line(value), Css: "line " + css, Title: gaugeName(g)})
		c.Labels = append(c.Labels, lineLabel(slots, value, gaugeName(g), css))
		c.Data = append(c.Data, d.trace(gaugeName(g), unit, value))
	}
	for n, g := range silent {
		d.gaps(&c, g, c.Bottom+9+gapRow*float64(n))
	}
	c.Labels = dodge(c.Labels, 12, c.Top+4, c.Bottom)
	return c
}

// gapRow is the height of a strip that shows a target's silence.
const gapRow = 13.0

// silentGauges are those that had polls without an answer.
func silentGauges(gauges []Gauge) []Gauge {
	var out []Gauge
	for _, g := range gauges {
		if slices.Max(g.Failed) > 0 {
			out = append(out, g)
		}
	}
	return out
}

// gaps marks the slices in which a gauge had polls without an answer. A node that is not asked, such as the primary for
// its lag, only has no line.
func (d *drawer) gaps(c *chart, g Gauge, y float64) {
	before := len(c.Hatches)
	d.hatch(c, gaugeName(g)+": no answer to some polls or all", func(i int) bool { return g.Failed[i] > 0 })
	for i := before; i < len(c.Hatches); i++ {
		c.Hatches[i].Y, c.Hatches[i].H, c.Hatches[i].Css = y, gapRow-4, "gap"
	}
	c.YTicks = append(c.YTicks, tick{At: y + gapRow/2 - 2, Label: gaugeName(g) + " silent", Css: "nogrid"})
}

func (d *drawer) pick(metrics []string) []Gauge {
	var out []Gauge
	for _, m := range metrics {
		for _, g := range d.t.Gauges {
			if g.Metric == m {
				out = append(out, g)
			}
		}
	}
	return out
}

// gaugeRange is over the positive values; the least is infinite if nothing was measured.
func gaugeRange(gauges []Gauge) (least, most float64) {
	least, some := math.Inf(1), false
	for _, g := range gauges {
		for _, v := range g.Max {
			some = some || !math.IsNaN(v)
			if v > 0 {
				least, most = min(least, v), max(most, v)
			}
		}
	}
	if some && most == 0 {
		return 1, 1 // all is zero: any axis will do
	}
	return least, most
}

// gaugeName is how a line is labelled: by its target, and by what stands in when there is no primary.
func gaugeName(g Gauge) string {
	if g.Metric == probe.HeartbeatAge {
		return "last heartbeat"
	}
	return g.Target
}
