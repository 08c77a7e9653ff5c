package loadgen

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Shape says how the rate moves over a load. The zero value is the constant Rate of the profile. Stages and Sine exclude each
// other; both go with Poisson; Trace goes with none. Whatever the shape, every due time is known before the first request.
type Shape struct {
	Stages  []Stage   // one after the other; after the last the rate stays where it is
	Sine    Sine      // a wave around Rate
	Poisson bool      // arrivals are independent of each other, as those of many users are, around the rate that the rest says
	Trace   []Arrival // recorded due times instead of any rate, in order of time; those behind the end of the load are left out

	TraceFile string // file of the trace, read when the load begins; see ReadTrace
}

// Stage is a part of a load in which the rate goes straight from one value to another; a step where they are the same.
type Stage struct {
	For      time.Duration // > 0
	From, To float64       // all operations together, requests per second, >= 0
}

// Sine is a wave: the rate is Rate + Swing*sin(2*pi*t/Period). The zero value is none.
type Sine struct {
	Period time.Duration // > 0
	Swing  float64       // requests per second, 0 to Rate
}

// Arrival is one request of a trace.
type Arrival struct {
	At time.Duration // from the start of the load, >= 0
	Op string        // name of the operation; "" lets the weights of the mix decide
}

// Steps holds each rate for the same time, one after the other.
func Steps(each time.Duration, rates ...float64) Shape {
	var s Shape
	for _, r := range rates {
		s.Stages = append(s.Stages, Stage{For: each, From: r, To: r})
	}
	return s
}

// Ramp goes straight from one rate to another and stays there.
func Ramp(from, to float64, over time.Duration) Shape {
	return Shape{Stages: []Stage{{For: over, From: from, To: to}}}
}

// Spike is a rate of base but for a peak that begins at a time and lasts for another.
func Spike(base, peak float64, at, lasts time.Duration) Shape {
	s := Shape{Stages: []Stage{{For: lasts, From: peak, To: peak}, {For: time.Second, From: base, To: base}}}
	if at > 0 {
		s.Stages = slices.Insert(s.Stages, 0, Stage{For: at, From: base, To: base})
	}
	return s
}

// maxTrace bounds a trace that is read: each arrival is kept in memory for the whole run.
const maxTrace = 20_000_000

// ReadTrace reads a trace: a line for each request with its seconds from the start and, after a comma, the name of its
// operation if the trace knows it. Empty lines and those that begin with # are skipped; the order does not matter.
func ReadTrace(r io.Reader) ([]Arrival, error) {
	var out []Arrival
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		at, op, _ := strings.Cut(line, ",")
		sec, err := strconv.ParseFloat(strings.TrimSpace(at), 64)
		if err != nil || !(sec >= 0 && sec < 1e9) {
			return nil, fmt.Errorf("trace line %d: %q is not a time in seconds", n, shorten(at))
		}
		if len(out) == maxTrace {
			return nil, fmt.Errorf("trace: more than %d requests", maxTrace)
		}
		out = append(out, Arrival{At: time.Duration(math.Round(sec * 1e9)), Op: strings.TrimSpace(op)})
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("trace: %w", err)
	}
	if len(out) == 0 {
		return nil, errors.New("trace: it has no requests")
	}
	slices.SortStableFunc(out, func(a, b Arrival) int { return cmp.Compare(a.At, b.At) })
	return out, nil
}

// check says what is wrong with a shape around a base rate.
func (s Shape) check(rate float64) error {
	waves := s.Sine != Sine{}
	switch {
	case waves && len(s.Stages) > 0:
		return errors.New("shape: stages and a sine at the same time")
	case waves && (s.Sine.Period <= 0 || !(s.Sine.Swing >= 0 && s.Sine.Swing <= rate)):
		return fmt.Errorf("shape: a sine needs a period above 0 and a swing of 0 to the rate, not %v and %v", s.Sine.Period, s.Sine.Swing)
	case (len(s.Trace) > 0 || s.TraceFile != "") && (waves || len(s.Stages) > 0 || s.Poisson):
		return errors.New("shape: a trace has its own times, it goes with nothing else")
	}
	for i, st := range s.Stages {
		if st.For <= 0 || !(st.From >= 0 && st.From <= 1e6) || !(st.To >= 0 && st.To <= 1e6) {
			return fmt.Errorf("shape: stage %d: %v from %v to %v, want a time above 0 and rates of 0 to a million", i+1, st.For, st.From, st.To)
		}
	}
	for i, a := range s.Trace {
		if a.At < 0 || i > 0 && a.At < s.Trace[i-1].At {
			return fmt.Errorf("shape: the trace's arrival %d is out of order", i+1)
		}
	}
	return nil
}

// String is the shape in a few words, "" for a constant rate.
func (s Shape) String() string {
	var out []string
	switch {
	case len(s.Trace) > 0:
		out = append(out, fmt.Sprintf("a recorded trace of %d requests", len(s.Trace)))
	case s.TraceFile != "":
		out = append(out, "the recorded trace "+s.TraceFile)
	case s.Sine != Sine{}:
		out = append(out, fmt.Sprintf("a sine of +-%s/s each %v", number64(s.Sine.Swing), s.Sine.Period))
	}
	for _, st := range s.Stages {
		if st.From == st.To {
			out = append(out, fmt.Sprintf("%s/s for %v", number64(st.To), st.For))
		} else {
			out = append(out, fmt.Sprintf("%s/s to %s/s in %v", number64(st.From), number64(st.To), st.For))
		}
	}
	if s.Poisson {
		out = append(out, "Poisson arrivals")
	}
	return strings.Join(out, ", ")
}
