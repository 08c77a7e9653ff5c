package report

import (
	"cmp"
	"math"
	"slices"
	"time"

	"gauntlet/experiments/history"
	"gauntlet/experiments/probe"
	"gauntlet/loadgen"
)

// What bounds a Timeline.
const (
	maxSlices  = 1200 // then slices double in length
	maxEvents  = 3000 // of each sort
	maxKinds   = 40   // kinds of errors; the rest is "other"
	maxClasses = 64   // classes and gauges; the rest is dropped
	maxDue     = 30 * 24 * time.Hour
)

// voidLag is the send lag above which, as p99 of a second, the generator and not the system is to blame.
const voidLag = 50 * time.Millisecond

type seriesKey struct{ a, b string }

// folder folds a recording as it streams by.
type folder struct {
	t       Timeline
	classes map[seriesKey]*classFold
	kinds   map[string]*ErrorKind
	gauges  map[seriesKey]*Gauge
	watch   map[string]*Coverage
	paused  []time.Duration // seconds in which this machine paused
	first   time.Duration   // due time of the first request
	last    time.Duration   // due time of the last one
	any     bool
}

// classFold is a class while it is being folded.
type classFold struct {
	slices []sliceFold
	lags   []lagFold // per second, whatever the slices' length
}

type sliceFold struct {
	Slice
	lat *hist
}

// lagFold counts the requests of one second and those that were sent too late.
type lagFold struct{ all, late uint32 }

// voided says that the p99 of the send lag is above voidLag: more than 1 in 100 is.
func (l lagFold) voided() bool { return uint64(l.late)*100 > uint64(l.all) }

func newFolder() *folder {
	return &folder{
		t:       Timeline{Step: time.Second},
		classes: map[seriesKey]*classFold{}, kinds: map[string]*ErrorKind{},
		gauges: map[seriesKey]*Gauge{}, watch: map[string]*Coverage{},
	}
}

// event takes one event of the recording.
func (f *folder) event(e history.Event) {
	switch {
	case e.Header != nil:
		f.t.Header = *e.Header
	case e.Phase != nil:
		f.t.Phases = keep(f, f.t.Phases, *e.Phase)
	case e.Fault != nil:
		f.fault(*e.Fault)
	case e.Engine != nil:
		f.t.Engine = keep(f, f.t.Engine, *e.Engine)
	case e.Change != nil:
		f.t.Changes = keep(f, f.t.Changes, *e.Change)
	case e.Point != nil:
		f.point(*e.Point)
	case e.Read != nil:
		r := *e.Read
		r.Present, r.Duplicated, r.Misplaced = nil, nil, nil
		f.t.Reads = keep(f, f.t.Reads, r)
	case e.Note != nil:
		f.t.Notes = keep(f, f.t.Notes, *e.Note)
	case e.Alert != nil:
		f.t.Alerts = keep(f, f.t.Alerts, *e.Alert)
	case e.End != nil:
		f.t.Complete = true
		f.paused = probe.Seconds(e.End.Pauses)
	}
}

// keep appends up to maxEvents and counts the rest.
func keep[T any](f *folder, to []T, v T) []T {
	if len(to) >= maxEvents {
		f.t.Dropped++
		return to
	}
	return append(to, v)
}

// fault takes a fault's line; a later one of the same step replaces the earlier.
func (f *folder) fault(n history.Fault) {
	for i := range f.t.Faults {
		if f.t.Faults[i].Step == n.Step {
			f.t.Faults[i] = n
			return
		}
	}
	f.t.Faults = keep(f, f.t.Faults, n)
}

// index is the slice of a moment; slices are lengthened until it fits.
func (f *folder) index(at time.Duration) int {
	for max(at, 0)/f.t.Step >= maxSlices {
		f.double()
	}
	return int(max(at, 0) / f.t.Step)
}

// at returns element i of s, which grows to hold it.
func at[T any](s *[]T, i int, zero T) *T {
	for len(*s) <= i {
		*s = append(*s, zero)
	}
	return &(*s)[i]
}

// sample takes one planned request.
func (f *folder) sample(s loadgen.Sample) {
	if s.Due > maxDue {
		f.t.Dropped++
		return
	}
	i := f.index(s.Due)
	k := seriesKey{s.Class, s.Region}
	c := f.classes[k]
	if c == nil {
		if len(f.classes) >= maxClasses {
			f.t.Dropped++
			return
		}
		c = &classFold{}
		f.classes[k] = c
	}
	f.span(s.Due)
	lag := at(&c.lags, int(max(s.Due, 0)/time.Second), lagFold{})
	lag.all++
	if s.Lag() > voidLag {
		lag.late++
	}
	b := at(&c.slices, i, sliceFold{})
	if kind := b.count(s, f.t.Header.Limit); kind != "" {
		f.bad(kind, i)
	}
}

func (f *folder) span(due time.Duration) {
	if !f.any {
		f.first, f.last, f.any = due, due, true
	}
	f.first, f.last = min(f.first, due), max(f.last, due)
}

// count adds one request and names what was bad about it, "" if nothing.
func (b *sliceFold) count(s loadgen.Sample, limit time.Duration) string {
	b.Planned++
	switch s.Out {
	case loadgen.OK:
		return b.ok(s.Latency(), limit)
	case loadgen.Missed:
		b.Missed++
		return "missed: never sent"
	case loadgen.Info:
		b.Info++
		return or(s.Err, "no reason given") + " (effect unknown)"
	}
	b.Fail++
	return or(s.Err, "no reason given")
}

func (b *sliceFold) ok(latency, limit time.Duration) string {
	if b.lat == nil {
		b.lat = &hist{}
	}
	b.lat.add(latency)
	if limit > 0 && latency > limit {
		b.Slow++
		return slowKind
	}
	b.Good++
	return ""
}

// slowKind is the kind of a request that was answered well, but too late.
const slowKind = "slow answer"

// bad counts a bad request under its kind.
func (f *folder) bad(kind string, i int) {
	k := f.kinds[kind]
	if k == nil {
		if len(f.kinds) >= maxKinds {
			kind = "other"
		}
		if k = f.kinds[kind]; k == nil {
			k = &ErrorKind{Kind: kind}
			f.kinds[kind] = k
		}
	}
	k.Total++
	*at(&k.Counts, i, 0)++
}

// drawn are the metrics that the report draws.
var drawn = []string{probe.ReplicationLag, probe.HeartbeatAge, probe.LSNDistance, probe.QueueDepth, probe.CacheHits, probe.WebCPU, probe.PromQL}

// point takes one measurement.
func (f *folder) point(p probe.Point) {
	if p.Metric == probe.Coverage {
		f.cover(p)
		return
	}
	if !slices.Contains(drawn, p.Metric) {
		return
	}
	i := f.index(p.At)
	metric, target := owned(p)
	k := seriesKey{metric, target}
	g := f.gauges[k]
	if g == nil {
		if len(f.gauges) >= maxClasses {
			f.t.Dropped++
			return
		}
		g = &Gauge{Metric: metric, Target: target}
		f.gauges[k] = g
	}
	v, failed := at(&g.Max, i, math.NaN()), at(&g.Failed, i, 0)
	switch {
	case p.Err != "":
		*failed++
	case math.IsNaN(*v) || p.Value > *v:
		*v = p.Value
	}
}

func (f *folder) cover(p probe.Point) {
	c := f.watch[p.Target]
	if c == nil {
		if len(f.watch) >= maxClasses {
			f.t.Dropped++
			return
		}
		c = &Coverage{Target: p.Target, Worst: 1}
		f.watch[p.Target] = c
	}
	if p.Err == "" {
		c.Worst = min(c.Worst, p.Value)
	} else {
		c.Worst = 0
	}
	c.LongestGap = max(c.LongestGap, p.Took)
}

// sorted returns a map's values in the order that by gives, so that equal recordings give equal pages.
func sorted[K comparable, V any](m map[K]*V, by func(a, b V) int) []V {
	out := make([]V, 0, len(m))
	for _, v := range m {
		out = append(out, *v)
	}
	slices.SortFunc(out, by)
	return out
}

func compareKeys(a, b seriesKey) int { return cmp.Or(cmp.Compare(a.a, b.a), cmp.Compare(a.b, b.b)) }
