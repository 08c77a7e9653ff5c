package export

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"

	vegeta "github.com/tsenart/vegeta/v12/lib"

	"gauntlet/loadgen"
)

// Formats are the names of the forms: vegeta (gob, its native one), json (lines that vegeta reads, with more keys of our own),
// csv (our own columns, with a header) and vegeta-csv (vegeta's columns, without).
func Formats() []string { return []string{"vegeta", "json", "csv", "vegeta-csv"} }

// Options say what a recording leaves out.
type Options struct {
	Name   string                     // of the attack in vegeta's records
	Origin time.Time                  // wall time of offset 0
	Ops    map[string]loadgen.Request // method and path of each operation, where known
	Base   string                     // put before each path
}

// Write writes all samples in a format and returns how many there were. The first error of a sample ends it.
func Write(w io.Writer, format string, samples iter.Seq2[loadgen.Sample, error], opt Options) (uint64, error) {
	if !slices.Contains(Formats(), format) {
		return 0, fmt.Errorf("unknown format %q, there are %s", format, strings.Join(Formats(), ", "))
	}
	buf := bufio.NewWriterSize(w, 64<<10)
	put, flush := opt.writer(buf, format)
	var n uint64
	for s, err := range samples {
		if err != nil {
			return n, err
		}
		if err := put(s, n); err != nil {
			return n, err
		}
		n++
	}
	if err := flush(); err != nil {
		return n, err
	}
	return n, buf.Flush()
}

// writer makes the function that writes sample number n, and the one that ends the file.
func (o Options) writer(w io.Writer, format string) (put func(loadgen.Sample, uint64) error, flush func() error) {
	flush = func() error { return nil }
	switch format {
	case "csv":
		rows := csv.NewWriter(w)
		put = func(s loadgen.Sample, n uint64) error {
			if n == 0 {
				if err := rows.Write(columns); err != nil {
					return err
				}
			}
			return rows.Write(o.row(s))
		}
		flush = func() error { rows.Flush(); return rows.Error() }
	case "json":
		enc := json.NewEncoder(w)
		put = func(s loadgen.Sample, n uint64) error {
			return enc.Encode(jsonLine{vegetaResult(*o.result(s, n)), o.extra(s)})
		}
	case "vegeta-csv":
		enc := vegeta.NewCSVEncoder(w)
		put = func(s loadgen.Sample, n uint64) error { return enc.Encode(o.result(s, n)) }
	default:
		enc := vegeta.NewEncoder(w)
		put = func(s loadgen.Sample, n uint64) error { return enc.Encode(o.result(s, n)) }
	}
	return put, flush
}

// result is a sample as vegeta would have recorded it, had its clock begun at the due time. vegeta counts a code of 200 to 399
// as a success, whatever the error says; so an answer that is none of ours gets no such code.
func (o Options) result(s loadgen.Sample, n uint64) *vegeta.Result {
	r := &vegeta.Result{
		Attack: o.Name, Seq: n, Code: uint16(s.Code), Timestamp: o.Origin.Add(s.Due), Latency: s.Latency(), Error: s.Err,
		Method: "GET", URL: o.Base + "/" + s.Op,
	}
	if req, ok := o.Ops[s.Op]; ok {
		r.Method, r.URL = req.Method, o.Base+req.Path
	}
	if s.Out != loadgen.OK {
		if r.Code < 400 {
			r.Code = 0
		}
		if s.Out == loadgen.Missed {
			r.Error = "missed: " + s.Err
		}
	}
	return r
}

// OutcomeName is an outcome in one word.
func OutcomeName(o loadgen.Outcome) string {
	names := [...]string{"", "ok", "fail", "info", "missed"}
	if int(o) < len(names) {
		return names[o]
	}
	return strconv.Itoa(int(o))
}

// more are the keys that a line of JSON has beside those of vegeta. Times are in ns from the origin.
type more struct {
	Op      string `json:"op"`
	Class   string `json:"class"`
	Region  string `json:"region,omitempty"`
	Outcome string `json:"outcome"`
	Due     int64  `json:"due_ns"`
	Sent    int64  `json:"sent_ns"`
	End     int64  `json:"end_ns"`
	Status  int    `json:"status"` // as answered
	ID      uint64 `json:"id,omitempty"`
	Server  string `json:"server,omitempty"`
	Trace   string `json:"trace_id"` // in its traceparent, and in the app's log and spans
}

type jsonLine struct {
	vegetaResult
	more
}

// vegetaResult hides the methods of the library's type, which would write its keys alone.
type vegetaResult vegeta.Result

func (o Options) extra(s loadgen.Sample) more {
	return more{s.Op, s.Class, s.Region, OutcomeName(s.Out), int64(s.Due), int64(s.Sent), int64(s.End), s.Code, s.ID, s.Server, o.trace(s)}
}

func (o Options) trace(s loadgen.Sample) string {
	return loadgen.TraceID(o.Origin, s.Op, s.Region, s.Due)
}

var columns = []string{"op", "class", "region", "due_ns", "sent_ns", "end_ns", "latency_ns", "outcome", "status", "error", "id", "server", "trace_id"}

func (o Options) row(s loadgen.Sample) []string {
	whole := func(d time.Duration) string { return strconv.FormatInt(int64(d), 10) }
	return []string{s.Op, s.Class, s.Region, whole(s.Due), whole(s.Sent), whole(s.End), whole(s.Latency()), OutcomeName(s.Out),
		strconv.Itoa(s.Code), s.Err, strconv.FormatUint(s.ID, 10), s.Server, o.trace(s)}
}
