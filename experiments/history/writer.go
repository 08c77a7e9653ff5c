package history

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"gauntlet/experiments/probe"
	"gauntlet/experiments/register"
	"gauntlet/loadgen"
)

// The files of a recording.
const (
	eventsFile   = "events.jsonl"
	requestsFile = "requests.bin"
)

// What is not on disk yet is written when it is this old or this large: a crash loses less than a second.
const (
	flushEvery = 300 * time.Millisecond
	flushSize  = 64 << 10
)

// ErrExists means that the folder holds a recording already; recordings are never overwritten.
var ErrExists = errors.New("there is a recording already")

// Writer records a run. Its methods may be called from any goroutine. A write that fails is kept and returned by Err and
// Close: the recording is incomplete from then on.
type Writer struct {
	mu       sync.Mutex
	events   *os.File
	lines    []byte
	requests *os.File
	samples  *encoder
	err      error

	stop    context.CancelFunc
	flusher sync.WaitGroup
}

// Create makes the folder and begins a recording in it.
func Create(dir string, h Header) (*Writer, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	events, err := create(filepath.Join(dir, eventsFile))
	if err != nil {
		return nil, err
	}
	requests, err := create(filepath.Join(dir, requestsFile))
	if err != nil {
		return nil, errors.Join(err, events.Close())
	}
	ctx, stop := context.WithCancel(context.Background())
	w := &Writer{events: events, requests: requests, samples: newEncoder(), stop: stop}
	if _, err := requests.WriteString(magic); err != nil {
		w.err = err
	}
	w.event(Event{Header: &h})
	w.flusher.Go(func() { w.flushUntil(ctx) })
	return w, w.Err()
}

func create(name string) (*os.File, error) {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY|os.O_APPEND, 0o644)
	if errors.Is(err, os.ErrExist) {
		return nil, fmt.Errorf("%w: %s", ErrExists, name)
	}
	return f, err
}

func (w *Writer) flushUntil(ctx context.Context) {
	t := time.NewTicker(flushEvery)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			w.mu.Lock()
			w.flush()
			w.mu.Unlock()
		}
	}
}

// flush writes what is held. The caller holds the lock.
func (w *Writer) flush() {
	if len(w.lines) > 0 {
		_, err := w.events.Write(w.lines)
		w.lines = w.lines[:0]
		w.keep(err)
	}
	if b := w.samples.block(); b != nil {
		_, err := w.requests.Write(b)
		w.keep(err)
	}
}

func (w *Writer) keep(err error) {
	if err != nil && w.err == nil {
		w.err = fmt.Errorf("recording: %w", err)
	}
}

// Err is the first write that failed, or nil.
func (w *Writer) Err() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}

// Sample records a request.
func (w *Writer) Sample(s loadgen.Sample) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.samples.add(s)
	if len(w.samples.buf) > flushSize {
		w.flush()
	}
}

// Phase records the beginning of a phase.
func (w *Writer) Phase(p PhaseStart) { w.event(Event{Phase: &p}) }

// Fault records a fault: when it began and again when it was healed.
func (w *Writer) Fault(f Fault) { w.event(Event{Fault: &f}) }

// Engine records what the container engine reported.
func (w *Writer) Engine(e EngineEvent) { w.event(Event{Engine: &e}) }

// Change records a state that a poller saw change.
func (w *Writer) Change(c probe.Change) { w.event(Event{Change: &c}) }

// Point records a measurement.
func (w *Writer) Point(p probe.Point) { w.event(Event{Point: &p}) }

// Read records what a node held after the heal.
func (w *Writer) Read(r ReadBack) { w.event(Event{Read: &r}) }

// Jobs records what became of the jobs.
func (w *Writer) Jobs(j Jobs) { w.event(Event{Jobs: &j}) }

// Alert records a change of an alert's state.
func (w *Writer) Alert(a Alert) { w.event(Event{Alert: &a}) }

// Register records a call of a register.
func (w *Writer) Register(op register.Op) { w.event(Event{Register: &op}) }

// Note records a remark.
func (w *Writer) Note(n Note) { w.event(Event{Note: &n}) }

// event adds a line. Points are held back a little; all else is written at once, because it is rare and matters.
func (w *Writer) event(e Event) {
	line, err := json.Marshal(e)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.keep(err)
	w.lines = append(append(w.lines, line...), '\n')
	if e.Point == nil || len(w.lines) > flushSize {
		w.flush()
	}
}

// Close ends a complete recording and returns the first error of all its writes.
func (w *Writer) Close(e End) error {
	w.stop()
	w.flusher.Wait()
	w.mu.Lock()
	w.flush() // samples first: the end says that all are there
	w.mu.Unlock()
	w.event(Event{End: &e})
	w.mu.Lock()
	defer w.mu.Unlock()
	w.keep(errors.Join(w.events.Sync(), w.requests.Sync(), w.events.Close(), w.requests.Close()))
	return w.err
}
