package tally

import (
	"maps"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"gauntlet/loadgen"
)

// Counts are outcomes. Planned is the sum of the four ends.
type Counts struct {
	Planned uint64 `json:"planned"`
	OK      uint64 `json:"ok"`
	Fail    uint64 `json:"fail"`
	Info    uint64 `json:"info"` // effect unknown
	Missed  uint64 `json:"missed"`
	Slow    uint64 `json:"slow"` // of OK: later than the limit
}

// Good is the share of requests that were answered with a success within the limit, 0 to 1; 1 of none.
func (c Counts) Good() float64 {
	if c.Planned == 0 {
		return 1
	}
	return float64(c.OK-c.Slow) / float64(c.Planned)
}

// ended is what is counted of a sample, in several places.
type ended struct {
	out    loadgen.Outcome
	slow   bool
	micros int64 // its latency, as histograms have it
	err    string
}

func endOf(s *loadgen.Sample, limit time.Duration) ended {
	latency := s.Latency()
	return ended{out: s.Out, slow: limit > 0 && latency > limit, micros: micros(latency), err: s.Err}
}

func (c *Counts) add(e *ended) {
	c.Planned++
	switch e.out {
	case loadgen.OK:
		c.OK++
		if e.slow {
			c.Slow++
		}
	case loadgen.Fail:
		c.Fail++
	case loadgen.Info:
		c.Info++
	default:
		c.Missed++
	}
}

// Latency is the distribution of the successes' latencies from the due time, in ns. All are 0 without a success.
type Latency struct {
	Mean time.Duration `json:"mean_ns"`
	P50  time.Duration `json:"p50_ns"`
	P90  time.Duration `json:"p90_ns"`
	P95  time.Duration `json:"p95_ns"`
	P99  time.Duration `json:"p99_ns"`
	P999 time.Duration `json:"p999_ns"`
	Max  time.Duration `json:"max_ns"`
}

// The range of a histogram; what is outside counts as its edge. Three digits: an error of at most 0.1 %.
const (
	lowest  = 1 // µs
	highest = int64(2 * time.Minute / time.Microsecond)
	digits  = 3
	coarse  = 2 // digits of a second that is under way
)

func newHistogram(digits int) *hdrhistogram.Histogram {
	return hdrhistogram.New(lowest, highest, digits)
}

// micros is a time as histograms have it.
func micros(d time.Duration) int64 { return min(max(d.Microseconds(), lowest), highest) }

func record(h *hdrhistogram.Histogram, micros int64) {
	_ = h.RecordValue(micros) // never outside of the range
}

func latencyOf(h *hdrhistogram.Histogram) Latency {
	if h.TotalCount() == 0 {
		return Latency{}
	}
	return Latency{
		Mean: time.Duration(h.Mean() * 1000), P50: percentile(h, 50), P90: percentile(h, 90), P95: percentile(h, 95),
		P99: percentile(h, 99), P999: percentile(h, 99.9), Max: percentile(h, 100),
	}
}

// percentile is 0 of nothing. The 100th is the maximum; the library's Max goes through all counts, which takes several times as long.
func percentile(h *hdrhistogram.Histogram, p float64) time.Duration {
	return time.Duration(h.ValueAtPercentile(p)) * time.Microsecond
}

// cell counts the requests of one operation, phase or both.
type cell struct {
	Counts
	kinds map[string]uint64 // of errors; there are few
	hist  *hdrhistogram.Histogram
}

func newCell() *cell { return &cell{kinds: map[string]uint64{}, hist: newHistogram(digits)} }

func (c *cell) add(e *ended) {
	c.Counts.add(e)
	if e.out == loadgen.OK {
		record(c.hist, e.micros)
		return
	}
	if len(c.kinds) < maxKinds || c.kinds[e.err] > 0 {
		c.kinds[e.err]++
	} else {
		c.kinds["other"]++
	}
}

// maxKinds bounds the kinds of errors that are told apart.
const maxKinds = 50

// Row is what became of the requests of one operation or phase.
type Row struct {
	Op    string `json:"op,omitempty"`
	Phase string `json:"phase,omitempty"`
	Counts
	Latency Latency           `json:"latency"`
	Errors  map[string]uint64 `json:"errors,omitempty"` // by kind, as in loadgen.Sample.Err
}

func (c *cell) row(op, phase string) Row {
	return Row{Op: op, Phase: phase, Counts: c.Counts, Latency: latencyOf(c.hist), Errors: maps.Clone(c.kinds)}
}
