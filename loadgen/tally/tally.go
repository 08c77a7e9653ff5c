package tally

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"gauntlet/loadgen"
)

// Phase is a part of a load, until the next one begins.
type Phase struct {
	Name  string
	Begin time.Duration // by due time, in the samples' clock
}

// Options say how to count. The zero value counts from offset 0, in one phase, with nothing too slow.
type Options struct {
	Start   time.Duration // due time of the first request: second 0 begins there
	Limit   time.Duration // a later success is slow; 0: none is
	Timeout time.Duration // a second is closed when it has been over for so long; 0: 1 minute
	Phases  []Phase       // in order of their beginnings
}

// Tally counts samples. Like vegeta's Metrics it has no lock, which would be more than a quarter of what counting costs: no two of its
// methods may be called at the same time. loadgen.Run emits its samples one at a time.
type Tally struct {
	opt     Options
	ops     map[string]*operation
	cells   map[[2]string]*cell // by op and phase; only if there are phases
	lag     *hdrhistogram.Histogram
	open    map[key]*second // seconds under way, a few
	closed  []Second
	spare   []*hdrhistogram.Histogram
	horizon int // the latest second seen

	name string     // of the operation of the last sample,
	last *operation // which most often is that of the next one too; nil before the first
}

// operation counts the requests of one operation. What all operations did is summed up when it is asked for.
type operation struct {
	cell
	n   int     // number of sec
	sec *second // the second in which the last request was due; nil: it was closed
}

func newOperation() *operation { return &operation{cell: *newCell()} }

// key tells the seconds of each operation apart.
type key struct {
	op string
	n  int
}

// second is one second of one operation while it is under way.
type second struct {
	Counts
	hist *hdrhistogram.Histogram
}

// Second is what became of the requests of one operation that were due in one second.
type Second struct {
	Second int    `json:"second"` // from the start
	Op     string `json:"op"`
	Counts
	P50 time.Duration `json:"p50_ns"` // of the successes, to 1 %
	P99 time.Duration `json:"p99_ns"`
	Max time.Duration `json:"max_ns"`
}

// New is an empty tally.
func New(opt Options) *Tally {
	opt.Timeout = cmp.Or(opt.Timeout, time.Minute)
	return &Tally{opt: opt, ops: map[string]*operation{}, cells: map[[2]string]*cell{}, lag: newHistogram(digits), open: map[key]*second{}}
}

// Add counts a sample. A sample whose second was closed already, because it came more than a timeout and two seconds late,
// still counts in all rows but not in its second.
func (t *Tally) Add(s loadgen.Sample) {
	if t.last == nil || t.name != s.Op {
		t.name, t.last = s.Op, of(t.ops, s.Op, newOperation)
	}
	op, end := t.last, endOf(&s, t.opt.Limit)
	op.add(&end)
	if len(t.opt.Phases) > 0 {
		of(t.cells, [2]string{s.Op, t.phase(s.Due)}, newCell).add(&end)
	}
	if s.Out != loadgen.Missed {
		record(t.lag, micros(s.Lag()))
	}
	t.second(op, &s, &end)
}

// of finds what a map has under a key, or makes it.
func of[K comparable, V any](m map[K]*V, k K, make func() *V) *V {
	v := m[k]
	if v == nil {
		v = make()
		m[k] = v
	}
	return v
}

// phase is the name of the phase that a time is in, "" before the first.
func (t *Tally) phase(due time.Duration) string {
	name := ""
	for _, p := range t.opt.Phases {
		if due < p.Begin {
			break
		}
		name = p.Name
	}
	return name
}

// second counts the sample in its second.
func (t *Tally) second(op *operation, s *loadgen.Sample, e *ended) {
	n := int(max(0, s.Due-t.opt.Start) / time.Second)
	if n > t.horizon {
		t.horizon = n
		t.closeUntil(n - 2 - int(t.opt.Timeout/time.Second))
	}
	if n < t.horizon-2-int(t.opt.Timeout/time.Second) {
		return
	}
	if op.sec == nil || op.n != n {
		op.n, op.sec = n, of(t.open, key{s.Op, n}, func() *second { return &second{hist: t.histogram()} })
	}
	op.sec.add(e)
	if e.out == loadgen.OK {
		record(op.sec.hist, e.micros)
	}
}

// histogram takes one that a closed second gave back, or makes one.
func (t *Tally) histogram() *hdrhistogram.Histogram {
	if n := len(t.spare); n > 0 {
		h := t.spare[n-1]
		t.spare = t.spare[:n-1]
		return h
	}
	return newHistogram(coarse)
}

// closeUntil sums up the open seconds before second n.
func (t *Tally) closeUntil(n int) {
	for k, sec := range t.open {
		if k.n < n {
			t.closed = append(t.closed, sec.sum(k))
			sec.hist.Reset()
			t.spare = append(t.spare, sec.hist)
			delete(t.open, k)
			if op := t.ops[k.op]; op != nil && op.n == k.n {
				op.sec = nil
			}
		}
	}
}

func (s *second) sum(k key) Second {
	return Second{
		Second: k.n, Op: k.op, Counts: s.Counts, P50: percentile(s.hist, 50), P99: percentile(s.hist, 99), Max: percentile(s.hist, 100),
	}
}

// Summary is what a tally has counted so far.
type Summary struct {
	All     Row      `json:"all"`
	Ops     []Row    `json:"ops"`              // by name
	Phases  []Row    `json:"phases,omitempty"` // by operation, then in order of the phases
	Lag     Latency  `json:"lag"`              // how late the generator itself was: a fact about the tool, not about the system
	Seconds []Second `json:"seconds"`          // by time, then by operation
}

// Summary sums up.
func (t *Tally) Summary() Summary {
	s, all := Summary{Lag: latencyOf(t.lag), Seconds: slices.Clone(t.closed)}, newCell()
	for _, op := range slices.Sorted(maps.Keys(t.ops)) {
		all.merge(&t.ops[op].cell)
		s.Ops = append(s.Ops, t.ops[op].row(op, ""))
		for _, p := range t.phaseNames() {
			if c := t.cells[[2]string{op, p}]; c != nil {
				s.Phases = append(s.Phases, c.row(op, p))
			}
		}
	}
	s.All = all.row("", "")
	for k, sec := range t.open {
		s.Seconds = append(s.Seconds, sec.sum(k))
	}
	slices.SortFunc(s.Seconds, func(a, b Second) int {
		return cmp.Or(cmp.Compare(a.Second, b.Second), cmp.Compare(a.Op, b.Op))
	})
	return s
}

// phaseNames are the phases' names, each once, and "" for what is due before the first.
func (t *Tally) phaseNames() []string {
	names := []string{""}
	for _, p := range t.opt.Phases {
		if !slices.Contains(names, p.Name) {
			names = append(names, p.Name)
		}
	}
	return names
}

// Merge adds what another tally has counted, such as that of the clients in another place. Both must have the same options,
// and the other must be at rest. Closed seconds of the same operation are not merged but stand side by side.
func (t *Tally) Merge(o *Tally) {
	for k, c := range o.ops {
		of(t.ops, k, newOperation).merge(&c.cell)
	}
	for k, c := range o.cells {
		of(t.cells, k, newCell).merge(c)
	}
	t.lag.Merge(o.lag)
	t.closed = append(t.closed, o.closed...)
	for k, s := range o.open {
		t.closed = append(t.closed, s.sum(k))
	}
}

func (c *cell) merge(o *cell) {
	c.Planned, c.OK, c.Fail = c.Planned+o.Planned, c.OK+o.OK, c.Fail+o.Fail
	c.Info, c.Missed, c.Slow = c.Info+o.Info, c.Missed+o.Missed, c.Slow+o.Slow
	for k, n := range o.kinds {
		c.kinds[k] += n
	}
	c.hist.Merge(o.hist)
}
