package loadgen

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Pick says which row of a feed a request takes.
type Pick string

// The ways to take rows.
const (
	PickNext   Pick = ""       // request k of an operation takes row k, and from the first again after the last
	PickRandom Pick = "random" // any, drawn with the seed
	PickUser   Pick = "user"   // that of the request's user: user 1 has the first
)

// Feed is a table of values for requests. All steps of a session take the same row. One that only names its file is read when
// the load begins.
type Feed struct {
	File    string
	Columns []string
	Rows    [][]string // each as long as Columns
	Pick    Pick
}

// feedLimit bounds the size of a feed's file in bytes: it is kept in memory.
const feedLimit = 64 << 20

// ErrFeed is wrapped by every complaint about a feed.
var ErrFeed = errors.New("bad feed")

// ReadFeed reads a feed: CSV with a header line, or one JSON object per line if the file's name ends in .json, .jsonl or .ndjson.
func ReadFeed(file string, r io.Reader) (Feed, error) {
	text, err := io.ReadAll(io.LimitReader(r, feedLimit+1))
	if err != nil {
		return Feed{}, fmt.Errorf("%w: %s: %w", ErrFeed, file, err)
	}
	if len(text) > feedLimit {
		return Feed{}, fmt.Errorf("%w: %s is larger than %d MiB", ErrFeed, file, feedLimit>>20)
	}
	read := readCSV
	if slices.Contains([]string{".json", ".jsonl", ".ndjson"}, strings.ToLower(filepath.Ext(file))) {
		read = readJSONLines
	}
	f, err := read(text)
	if err == nil {
		err = f.check()
	}
	if err != nil {
		return Feed{}, fmt.Errorf("%w: %s: %w", ErrFeed, file, err)
	}
	return f, nil
}

func readCSV(text []byte) (Feed, error) {
	rows, err := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(text, []byte("\ufeff")))).ReadAll()
	if err != nil || len(rows) == 0 {
		return Feed{}, err
	}
	return Feed{Columns: rows[0], Rows: rows[1:]}, nil
}

// readJSONLines takes the first object's keys as the columns; what another lacks is "".
func readJSONLines(text []byte) (Feed, error) {
	var f Feed
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, feedLimit)
	for n := 1; lines.Scan(); n++ {
		line := bytes.TrimSpace(lines.Bytes())
		if len(line) == 0 {
			continue
		}
		var object map[string]json.RawMessage
		if err := json.Unmarshal(line, &object); err != nil {
			return f, fmt.Errorf("line %d: %w", n, err)
		}
		if f.Columns == nil {
			f.Columns = slices.Sorted(maps.Keys(object))
		}
		row := make([]string, len(f.Columns))
		for i, c := range f.Columns {
			if json.Unmarshal(object[c], &row[i]) != nil {
				row[i] = string(object[c])
			}
		}
		f.Rows = append(f.Rows, row)
	}
	return f, lines.Err()
}

// unread says whether the table is still in its file.
func (f Feed) unread() bool { return f.File != "" && f.Rows == nil }

func (f Feed) check() error {
	switch {
	case f.unread() && (f.Pick == PickNext || f.Pick == PickRandom || f.Pick == PickUser):
		return nil
	case len(f.Columns) == 0 || len(f.Rows) == 0:
		return errors.New("it has no rows")
	case f.Pick != PickNext && f.Pick != PickRandom && f.Pick != PickUser:
		return fmt.Errorf("pick %q, there are random and user", string(f.Pick))
	}
	for i, r := range f.Rows {
		if len(r) != len(f.Columns) {
			return fmt.Errorf("row %d has %d values for %d columns", i+1, len(r), len(f.Columns))
		}
	}
	return nil
}

// value is a field of the row that a request takes.
func (f Feed) value(v values, column int) string {
	n := uint64(len(f.Rows))
	row := v.number % n
	switch f.Pick {
	case PickRandom:
		row = v.session.roll(1) % n
	case PickUser:
		row = uint64(max(0, v.user-1)) % n
	}
	return f.Rows[row][column]
}

// open reads the files that a profile names: its feeds and its trace.
func (p Profile) open() (Profile, error) {
	p.Data = maps.Clone(p.Data)
	for name, f := range p.Data {
		if !f.unread() {
			continue
		}
		file, err := os.Open(f.File)
		if err != nil {
			return p, fmt.Errorf("%w: feed %s: %w", ErrProfile, name, err)
		}
		table, err := ReadFeed(f.File, file)
		if err = errors.Join(err, file.Close()); err != nil {
			return p, fmt.Errorf("%w: feed %s: %w", ErrProfile, name, err)
		}
		f.Columns, f.Rows = table.Columns, table.Rows
		p.Data[name] = f
	}
	if p.Shape.TraceFile == "" || len(p.Shape.Trace) > 0 {
		return p, nil
	}
	file, err := os.Open(p.Shape.TraceFile)
	if err != nil {
		return p, fmt.Errorf("%w: %w", ErrProfile, err)
	}
	p.Shape.Trace, err = ReadTrace(file)
	if err = errors.Join(err, file.Close()); err != nil {
		return p, fmt.Errorf("%w: %s: %w", ErrProfile, p.Shape.TraceFile, err)
	}
	return p, nil
}
