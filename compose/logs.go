package compose

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/pkg/stdcopy"
)

// LogLines is how many lines of each container's log are kept. The topologies let the engine keep 40 MB of each.
const LogLines = 50_000

// Where Collect writes.
const (
	LogFolder  = "logs"
	TracesFile = "traces.otlp.jsonl"
)

// What a line of the reference app begins with: one of its log, or a span.
var (
	structured = []byte(`{"timestamp":`)
	spans      = []byte(`{"resourceSpans":`)
)

// Collect writes what the containers printed into dir: lines of the app's log into logs/NAME.jsonl, its spans, of all containers,
// into traces.otlp.jsonl, and all else, with the engine's time, into logs/NAME.log. Files that would be empty are left out.
// Containers that printed more than LogLines are returned: of theirs, the beginning is missing.
func (s *Stack) Collect(ctx context.Context, dir string) (cut []string, err error) {
	on, err := s.all(ctx)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Join(dir, LogFolder), 0o755); err != nil {
		return nil, err
	}
	traces := &lazyFile{name: filepath.Join(dir, TracesFile)}
	errs, lines := make([]error, len(on)), make([]int, len(on))
	each(len(on), func(i int) {
		lines[i], errs[i] = s.collect(ctx, on[i], filepath.Join(dir, LogFolder, on[i].Name), traces)
	})
	for i, c := range on {
		if lines[i] >= LogLines {
			cut = append(cut, c.Name)
		}
	}
	return cut, errors.Join(append(errs, traces.close())...)
}

// collect writes one container's log and says how many lines it had.
func (s *Stack) collect(ctx context.Context, c Container, name string, traces *lazyFile) (int, error) {
	r, err := s.engine.api.ContainerLogs(ctx, c.ID, container.LogsOptions{ShowStdout: true, ShowStderr: true, Timestamps: true, Tail: strconv.Itoa(LogLines)})
	if err != nil {
		return 0, err
	}
	defer r.Close()
	sort := &sorter{log: &lazyFile{name: name + ".log"}, app: &lazyFile{name: name + ".jsonl"}, traces: traces}
	out, other := &lineWriter{line: sort.line}, &lineWriter{line: sort.line}
	_, err = stdcopy.StdCopy(out, other, r)
	return sort.lines, errors.Join(err, out.end(), other.end(), sort.log.close(), sort.app.close())
}

// sorter puts the lines of one container where they belong.
type sorter struct {
	log, app, traces *lazyFile
	lines            int
}

// line takes a line with the engine's time before it.
func (s *sorter) line(b []byte) error {
	s.lines++
	_, text, _ := bytes.Cut(b, []byte(" "))
	switch {
	case bytes.HasPrefix(text, spans):
		return s.traces.write(text)
	case bytes.HasPrefix(text, structured):
		return s.app.write(text)
	}
	return s.log.write(b)
}

// lineWriter hands on whole lines, each with its end.
type lineWriter struct {
	rest []byte
	line func([]byte) error
}

// Write implements io.Writer.
func (w *lineWriter) Write(b []byte) (int, error) {
	w.rest = append(w.rest, b...)
	for {
		i := bytes.IndexByte(w.rest, '\n')
		if i < 0 {
			return len(b), nil
		}
		if err := w.line(w.rest[:i+1]); err != nil {
			return 0, err
		}
		w.rest = slices.Delete(w.rest, 0, i+1)
	}
}

// end hands on what is left of a line that has no end.
func (w *lineWriter) end() error {
	if len(w.rest) == 0 {
		return nil
	}
	return w.line(append(w.rest, '\n'))
}

// lazyFile is made when something is written into it, from any goroutine.
type lazyFile struct {
	name string
	mu   sync.Mutex
	f    *os.File
}

func (l *lazyFile) write(b []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.f == nil {
		var err error
		if l.f, err = os.Create(l.name); err != nil {
			return err
		}
	}
	_, err := l.f.Write(b)
	return err
}

func (l *lazyFile) close() error {
	if l.f == nil {
		return nil
	}
	return l.f.Close()
}
