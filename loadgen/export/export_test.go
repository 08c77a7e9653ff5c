package export

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"strings"
	"testing"
	"time"

	vegeta "github.com/tsenart/vegeta/v12/lib"

	"gauntlet/loadgen"
)

const ms = time.Millisecond

var origin = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func samples() []loadgen.Sample {
	var out []loadgen.Sample
	for i := range 100 {
		due := time.Duration(i) * 10 * ms
		s := loadgen.Sample{Op: "feed", Class: "read", Due: due, Sent: due + ms, End: due + time.Duration(i+1)*ms, Code: 200, Out: loadgen.OK, Server: "web1"}
		switch {
		case i < 5:
			s.Out, s.Code, s.Err = loadgen.Fail, 503, "status 503"
		case i < 7:
			s.Out, s.Code, s.Err = loadgen.Missed, 0, "no connection"
		case i == 7: // answered 200, but the body broke off
			s.Out, s.Err = loadgen.Info, "eof"
		}
		out = append(out, s)
	}
	return out
}

func all(list []loadgen.Sample, end error) iter.Seq2[loadgen.Sample, error] {
	return func(yield func(loadgen.Sample, error) bool) {
		for _, s := range list {
			if !yield(s, nil) {
				return
			}
		}
		if end != nil {
			yield(loadgen.Sample{}, end)
		}
	}
}

var opt = Options{Name: "run", Origin: origin, Base: "http://x", Ops: map[string]loadgen.Request{"feed": {Method: "GET", Path: "/feed"}}}

func write(t *testing.T, format string) *bytes.Buffer {
	t.Helper()
	var b bytes.Buffer
	if n, err := Write(&b, format, all(samples(), nil), opt); err != nil || n != 100 {
		t.Fatalf("%s: %d samples, %v", format, n, err)
	}
	return &b
}

// What vegeta itself makes of the file: its success is ours, and its percentiles count from the due times.
func TestVegetaReadsIt(t *testing.T) {
	for _, format := range []string{"vegeta", "json", "vegeta-csv"} {
		dec := vegeta.DecoderFor(write(t, format))
		if dec == nil {
			t.Fatalf("%s: vegeta does not know the file", format)
		}
		var m vegeta.Metrics
		for {
			var r vegeta.Result
			if err := dec.Decode(&r); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("%s: %v", format, err)
			}
			if r.URL != "http://x/feed" || r.Attack != "run" || r.Method != "GET" {
				t.Fatalf("%s: %+v", format, r)
			}
			m.Add(&r)
		}
		m.Close()
		if m.Requests != 100 || m.Success != 0.92 || m.StatusCodes["200"] != 92 || m.StatusCodes["503"] != 5 || m.StatusCodes["0"] != 3 {
			t.Errorf("%s: %d requests, success %v, codes %v", format, m.Requests, m.Success, m.StatusCodes)
		}
		if !m.Earliest.Equal(origin) || m.Latencies.Max != 100*ms || m.Latencies.Total != 5050*ms {
			t.Errorf("%s: earliest %v, latencies %+v", format, m.Earliest, m.Latencies)
		}
		if joined := strings.Join(m.Errors, ","); !strings.Contains(joined, "missed: no connection") || !strings.Contains(joined, "eof") {
			t.Errorf("%s: errors %v", format, m.Errors)
		}
	}
}

func TestJSONHasOurKeysToo(t *testing.T) {
	line, _, _ := strings.Cut(write(t, "json").String(), "\n")
	var got map[string]any
	if err := json.Unmarshal([]byte(line), &got); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]any{"op": "feed", "outcome": "fail", "status": 503.0, "code": 503.0, "latency": 1e6, "sent_ns": 1e6, "server": "web1", "error": "status 503"} {
		if got[key] != want {
			t.Errorf("%s is %v, want %v", key, got[key], want)
		}
	}
}

func TestCSV(t *testing.T) {
	rows, err := csv.NewReader(write(t, "csv")).ReadAll()
	if err != nil || len(rows) != 101 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	if got, want := strings.Join(rows[6], ","), "feed,read,,50000000,51000000,56000000,6000000,missed,0,no connection,0,web1,"+loadgen.TraceID(origin, "feed", "", 50*ms); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestWriteFails(t *testing.T) {
	if _, err := Write(io.Discard, "xml", all(nil, nil), opt); err == nil || !strings.Contains(err.Error(), "vegeta-csv") {
		t.Errorf("error %v, want the formats", err)
	}
	broken := errors.New("damaged")
	if n, err := Write(io.Discard, "csv", all(samples(), broken), opt); n != 100 || !errors.Is(err, broken) {
		t.Errorf("%d samples, error %v", n, err)
	}
	for _, o := range []loadgen.Outcome{loadgen.OK, loadgen.Fail, loadgen.Info, loadgen.Missed} {
		if OutcomeName(o) == "" {
			t.Errorf("outcome %d has no name", o)
		}
	}
}
