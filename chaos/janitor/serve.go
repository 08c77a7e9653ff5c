package janitor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"gauntlet/chaos"
	"gauntlet/chaos/docker"
	"gauntlet/chaos/lease"
	"gauntlet/chaos/proc"
)

// The kinds of calls.
const (
	kindBegin  = "begin"  // body docker.Options: whom the undo log is about
	kindRecord = "record" // body chaos.JournalLine
	kindBye    = "bye"    // all is healed: nothing is to be done at the end of the line
)

// healTimeout bounds the janitor's whole work.
const healTimeout = 2 * time.Minute

// Runtime is a chaos.Runtime that is closed at the end.
type Runtime interface {
	chaos.Runtime
	io.Closer
}

// Open connects to the engine from inside the janitor's container.
func Open(ctx context.Context, o docker.Options) (Runtime, error) {
	o.Host, o.Remote = "unix://"+docker.JanitorSocket, true
	return docker.New(ctx, o)
}

// Main is the whole work of a janitor's process: Serve on its standard input and output. The record goes to the file, "" is none, and
// to standard error.
func Main(ctx context.Context, file string, term time.Duration) error {
	var record io.Writer = os.Stderr
	if file != "" {
		f, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
		if err != nil {
			return fmt.Errorf("record: %w", err)
		}
		defer func() { _ = f.Close() }() // each line is a call of its own
		record = io.MultiWriter(f, os.Stderr)
	}
	return Serve(ctx, lease.Stdio(), Open, record, term)
}

// Note is one line of the janitor's record.
type Note struct {
	At     time.Time     `json:"at"`
	What   string        `json:"what"`               // begun, told, goodbye, lost, healed, failed
	Cause  string        `json:"cause,omitempty"`    // of lost: why; of failed: what went wrong
	Open   int           `json:"open,omitempty"`     // of told and lost: entries to undo
	Report string        `json:"report,omitempty"`   // of healed and failed: what was done
	Took   time.Duration `json:"took_ns,omitempty"`  // of healed and failed: from the end of the line on
	Silent time.Duration `json:"lease_ns,omitempty"` // of begun: how long Gauntlet may be silent
}

// Serve is a janitor at the other end of a Guard's line. It returns when the guard said goodbye, or when it has healed, nil if that
// was proven. What it does is written to record, one Note a line.
func Serve(ctx context.Context, conn io.ReadWriteCloser, open func(context.Context, docker.Options) (Runtime, error), record io.Writer, term time.Duration) error {
	s := &server{open: open, record: record, term: term}
	cause := lease.Serve(ctx, conn, s, term)
	ended := time.Now()
	s.mu.Lock() // for good: calls that hang at the end of the line change nothing any more
	defer s.mu.Unlock()
	if s.rt == nil {
		return cause
	}
	var err error
	if !s.bye {
		err = s.heal(ctx, cause, ended)
	}
	return errors.Join(err, s.rt.Close())
}

// server is a lease.Handler.
type server struct {
	open   func(context.Context, docker.Options) (Runtime, error)
	record io.Writer
	term   time.Duration

	mu   sync.Mutex
	rt   Runtime
	todo []chaos.Intent
	bye  bool
}

// Queue is one for all: the log's order counts.
func (*server) Queue(string, json.RawMessage) string { return "" }

// Overwhelmed lets Gauntlet be silent for longer while everybody has to wait for a processor, as when a region of containers is killed.
func (*server) Overwhelmed() bool { return proc.Overwhelmed() }

// Handle takes one call.
func (s *server) Handle(ctx context.Context, kind string, body json.RawMessage) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch kind {
	case kindBegin:
		return nil, s.begin(ctx, body)
	case kindRecord:
		var l chaos.JournalLine
		if err := json.Unmarshal(body, &l); err != nil {
			return nil, fmt.Errorf("undo log: %w", err)
		}
		s.todo = chaos.Replay(s.todo, l)
		s.note(Note{What: "told", Open: len(s.todo)})
		return nil, nil
	case kindBye:
		s.bye = true
		s.note(Note{What: "goodbye"})
		return nil, nil
	}
	return nil, fmt.Errorf("%w: janitors do not know the call %q", chaos.ErrUnsupported, kind)
}

// begin connects to the engine, and looks whether the project can be seen: a janitor that can't heal must say so at once.
func (s *server) begin(ctx context.Context, body json.RawMessage) error {
	var o docker.Options
	if err := json.Unmarshal(body, &o); err != nil {
		return err
	}
	rt, err := s.open(ctx, o)
	if err != nil {
		return err
	}
	if _, err := rt.List(ctx); err != nil {
		return errors.Join(err, rt.Close())
	}
	s.rt = rt
	s.note(Note{What: "begun", Silent: s.term})
	return nil
}

// heal undoes what is open.
func (s *server) heal(ctx context.Context, cause error, ended time.Time) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), healTimeout)
	defer cancel()
	s.note(Note{What: "lost", Cause: cause.Error(), Open: len(s.todo)})
	report, err := chaos.HealIntents(ctx, s.rt, s.todo)
	n := Note{What: "healed", Report: report.String(), Took: time.Since(ended)}
	if err != nil {
		n.What, n.Cause = "failed", err.Error()
	}
	s.note(n)
	return err
}

func (s *server) note(n Note) {
	n.At = time.Now().UTC()
	text, err := json.Marshal(n)
	if err == nil {
		_, err = s.record.Write(append(text, '\n'))
	}
	_ = err // healing counts more than its record
}
