package history

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"slices"

	"gauntlet/experiments/probe"
	"gauntlet/experiments/register"
	"gauntlet/loadgen"
)

// History is a recording that was opened. What is rare is in memory; points and samples are streamed.
type History struct {
	Header   Header
	Phases   []PhaseStart
	Faults   []Fault // one per step, in the order of the steps; the last line of a step
	Engine   []EngineEvent
	Changes  []probe.Change
	Reads    []ReadBack
	Jobs     *Jobs // nil: they were not read, as without a queue
	Alerts   []Alert
	Notes    []Note
	End      *End    // nil: the recorder did not come to its end
	Warnings []error // what could not be read; nothing may be concluded from its absence

	events  func() iter.Seq2[Event, error]
	samples func() iter.Seq2[loadgen.Sample, error]
}

// ErrNoRecording means that a folder holds no recording.
var ErrNoRecording = errors.New("no recording")

// Open reads a recording. A last line or block that was cut off, as by a crash, is a warning.
func Open(dir string) (*History, error) {
	for _, name := range []string{eventsFile, requestsFile} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			return nil, fmt.Errorf("%w in %s: %w; name a folder such as runs/<experiment>/<topology>/<UTC time>", ErrNoRecording, dir, err)
		}
	}
	h, err := load(&History{
		events:  func() iter.Seq2[Event, error] { return readEvents(filepath.Join(dir, eventsFile)) },
		samples: func() iter.Seq2[loadgen.Sample, error] { return readSamples(filepath.Join(dir, requestsFile)) },
	})
	if err == nil {
		h.Notes = append(h.Notes, janitorNotes(dir, h.Header.Origin)...)
	}
	return h, err
}

// Memory is a history that was never on disk, for tests and experiments with scores.
func Memory(events []Event, samples []loadgen.Sample) (*History, error) {
	return load(&History{
		events:  func() iter.Seq2[Event, error] { return all(events) },
		samples: func() iter.Seq2[loadgen.Sample, error] { return all(samples) },
	})
}

func all[T any](list []T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for _, x := range list {
			if !yield(x, nil) {
				return
			}
		}
	}
}

// load reads what is kept in memory.
func load(h *History) (*History, error) {
	for e, err := range h.events() {
		if err != nil {
			h.Warnings = append(h.Warnings, err)
			continue
		}
		h.keep(e)
	}
	if h.Header.Version != Version {
		return nil, fmt.Errorf("recording of format %d; this Gauntlet reads format %d", h.Header.Version, Version)
	}
	return h, nil
}

func (h *History) keep(e Event) {
	switch {
	case e.Header != nil:
		h.Header = *e.Header
	case e.Phase != nil:
		h.Phases = append(h.Phases, *e.Phase)
	case e.Fault != nil:
		h.keepFault(*e.Fault)
	case e.Engine != nil:
		h.Engine = append(h.Engine, *e.Engine)
	case e.Change != nil:
		h.Changes = append(h.Changes, *e.Change)
	case e.Read != nil:
		h.Reads = append(h.Reads, *e.Read)
	case e.Jobs != nil:
		h.Jobs = e.Jobs
	case e.Alert != nil:
		h.Alerts = append(h.Alerts, *e.Alert)
	case e.Note != nil:
		h.Notes = append(h.Notes, *e.Note)
	case e.End != nil:
		h.End = e.End
	}
}

func (h *History) keepFault(f Fault) {
	i, found := slices.BinarySearchFunc(h.Faults, f.Step, func(f Fault, step int) int { return f.Step - step })
	if found {
		h.Faults[i] = f
		return
	}
	h.Faults = slices.Insert(h.Faults, i, f)
}

// Events streams all events in the order in which they were recorded.
func (h *History) Events() iter.Seq2[Event, error] { return h.events() }

// Points streams the measurements.
func (h *History) Points() iter.Seq2[probe.Point, error] {
	return func(yield func(probe.Point, error) bool) {
		for e, err := range h.events() {
			if (err != nil || e.Point != nil) && !yield(pointOf(e), err) {
				return
			}
		}
	}
}

func pointOf(e Event) probe.Point {
	if e.Point == nil {
		return probe.Point{}
	}
	return *e.Point
}

// Registers streams the calls of registers, in the order in which they ended.
func (h *History) Registers() iter.Seq2[register.Op, error] {
	return func(yield func(register.Op, error) bool) {
		for e, err := range h.events() {
			if err == nil && e.Register == nil {
				continue
			}
			op := register.Op{}
			if e.Register != nil {
				op = *e.Register
			}
			if !yield(op, err) {
				return
			}
		}
	}
}

// Samples streams the requests, about in the order in which they ended. After ErrDamaged the rest is missing.
func (h *History) Samples() iter.Seq2[loadgen.Sample, error] { return h.samples() }

func readEvents(file string) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		f, err := os.Open(file)
		if err != nil {
			yield(Event{}, err)
			return
		}
		defer f.Close()
		r := bufio.NewReaderSize(f, 1<<16)
		for number := 1; ; number++ {
			line, err := r.ReadBytes('\n')
			if errors.Is(err, io.EOF) {
				if len(line) > 0 {
					yield(Event{}, fmt.Errorf("%w: line %d of %s is cut off", ErrDamaged, number, eventsFile))
				}
				return
			}
			var e Event
			if err == nil {
				err = json.Unmarshal(line, &e)
			}
			if err != nil {
				err = fmt.Errorf("%w: line %d of %s: %w", ErrDamaged, number, eventsFile, err)
			}
			if !yield(e, err) {
				return
			}
		}
	}
}

func readSamples(file string) iter.Seq2[loadgen.Sample, error] {
	return func(yield func(loadgen.Sample, error) bool) {
		f, err := os.Open(file)
		if err != nil {
			yield(loadgen.Sample{}, err)
			return
		}
		defer f.Close()
		if err := decode(bufio.NewReaderSize(f, 1<<18), yield); err != nil {
			yield(loadgen.Sample{}, fmt.Errorf("%s: %w", requestsFile, err))
		}
	}
}

// decode yields the samples of all blocks. It returns an error that has not been yielded yet.
func decode(r io.Reader, yield func(loadgen.Sample, error) bool) error {
	head := make([]byte, len(magic))
	if _, err := io.ReadFull(r, head); err != nil || string(head) != magic {
		return fmt.Errorf("%w: it does not begin with %q", ErrDamaged, magic)
	}
	b, d := blocks{r: r}, decoder{}
	for {
		payload, count, err := b.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if errors.Is(err, errTorn) {
			return fmt.Errorf("%w: %w", ErrDamaged, err)
		}
		if err != nil {
			return err
		}
		d.reset(payload)
		for range count {
			s := d.sample()
			if d.bad {
				return fmt.Errorf("%w: a block of requests can't be read", ErrDamaged)
			}
			if !yield(s, nil) {
				return nil
			}
		}
		if len(d.buf) > 0 { // the checksum does not cover the number
			return fmt.Errorf("%w: a block holds more requests than it says", ErrDamaged)
		}
	}
}
