package report

import (
	"errors"
	"iter"
	"time"

	"gauntlet/experiments/history"
	"gauntlet/experiments/probe"
	"gauntlet/loadgen"
)

// Timeline is a recording folded into equal slices of time, as it is drawn. Its size is bounded, however long the run.
type Timeline struct {
	Header   history.Header
	Complete bool          // the recording was closed in order
	Step     time.Duration // length of a slice, 1 s or more; slice i begins at i * Step
	From, To time.Duration // what is drawn: whole slices around the load and the faults
	Phases   []history.PhaseStart
	Faults   []history.Fault // by step, as last recorded
	Engine   []history.EngineEvent
	Changes  []probe.Change
	Notes    []history.Note
	Alerts   []history.Alert
	Reads    []history.ReadBack // without their ids
	Classes  []Series
	Errors   []ErrorKind // by total, descending
	Gauges   []Gauge
	Coverage []Coverage
	Dropped  int // events beyond the bound of what is kept for drawing
}

// Series is one class of operations in one region, slice by slice of due time.
type Series struct {
	Name, Region string
	Slices       []Slice
}

// Slice is what happened to the requests of one class that were due in one slice of time.
// Planned = Good + Slow + Fail + Info + Missed.
type Slice struct {
	Planned, Good, Slow, Fail, Info, Missed uint32
	Voided                                  bool          // the generator was late, or this machine paused: nothing is known
	P50, P99, Max                           time.Duration // from the due time, of requests that were answered well; 0: none was
}

// ErrorKind is one kind of bad requests, slice by slice.
type ErrorKind struct {
	Kind   string
	Total  uint64
	Counts []uint32
}

// Gauge is one probe metric of one target, slice by slice.
type Gauge struct {
	Metric, Target string
	Max            []float64 // largest value in the slice; NaN: none, a gap
	Failed         []uint32  // polls without an answer
}

// Coverage is how well a poller could see.
type Coverage struct {
	Target     string
	Worst      float64       // lowest share of answered polls in any second, in [0,1]
	LongestGap time.Duration // without an answer
}

// ReadTimeline folds a recording in one pass over its events and then one over its samples, in whatever order those are.
// It fails with the first error of either.
func ReadTimeline(events iter.Seq2[history.Event, error], samples iter.Seq2[loadgen.Sample, error]) (Timeline, error) {
	f := newFolder()
	for e, err := range events {
		if err != nil {
			return Timeline{}, err
		}
		f.event(e)
	}
	if f.t.Header.Version == 0 {
		return Timeline{}, ErrNoHeader
	}
	for s, err := range samples {
		if err != nil {
			return Timeline{}, err
		}
		f.sample(s)
	}
	return f.timeline(), nil
}

// ErrNoHeader says that a recording lacks its first line.
var ErrNoHeader = errors.New("the recording has no header: it is not a run's events.jsonl, or its first line was lost")

// phase is the beginning and end of a phase; a phase that nothing follows ends with what is drawn.
func (t *Timeline) phase(i int) (from, to time.Duration) {
	from, to = t.Phases[i].At, t.To
	if i+1 < len(t.Phases) {
		to = t.Phases[i+1].At
	}
	return from, to
}

// slices are the indices of the drawn slices: from the first to the one after the last.
func (t *Timeline) slices() (first, end int) {
	return int(t.From / t.Step), int((t.To + t.Step - 1) / t.Step)
}

// voided says whether any class lacks evidence in slice i.
func (t *Timeline) voided(i int) bool {
	for _, s := range t.Classes {
		if i < len(s.Slices) && s.Slices[i].Voided {
			return true
		}
	}
	return false
}
