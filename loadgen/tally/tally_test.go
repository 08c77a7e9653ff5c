package tally

import (
	"encoding/json"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"gauntlet/loadgen"
)

const ms = time.Millisecond

func sample(op string, due, latency time.Duration, out loadgen.Outcome, err string) loadgen.Sample {
	return loadgen.Sample{Op: op, Class: op, Due: due, Sent: due + ms, End: due + latency, Out: out, Err: err}
}

func TestTally(t *testing.T) {
	tl := New(Options{Start: time.Second, Limit: 500 * ms, Phases: []Phase{{"base", time.Second}, {"fault", 3 * time.Second}}})
	for i := range 1000 { // four seconds; the second half of the reads fails in the third
		due := time.Second + time.Duration(i)*4*ms
		tl.Add(sample("write", due, time.Duration(i+1)*ms, loadgen.OK, ""))
		if i >= 500 && i < 750 {
			tl.Add(sample("read", due, ms, loadgen.Fail, "refused"))
		} else {
			tl.Add(sample("read", due, 10*ms, loadgen.OK, ""))
		}
	}
	tl.Add(sample("read", time.Second, 5*time.Second, loadgen.Missed, "late"))
	s := tl.Summary()
	if a := s.All; a.Planned != 2001 || a.OK != 1750 || a.Fail != 250 || a.Missed != 1 || a.Slow != 500 || a.Errors["refused"] != 250 {
		t.Errorf("all: %+v", a)
	}
	if len(s.Ops) != 2 || s.Ops[0].Op != "read" || s.Ops[1].Op != "write" {
		t.Fatalf("ops %+v", s.Ops)
	}
	w := s.Ops[1].Latency
	for name, x := range map[string][2]time.Duration{"p50": {w.P50, 500 * ms}, "p90": {w.P90, 900 * ms}, "p99": {w.P99, 990 * ms}, "max": {w.Max, time.Second}, "mean": {w.Mean, 500500 * time.Microsecond}} {
		if diff := (x[0] - x[1]).Abs(); diff > x[1]/500 {
			t.Errorf("%s is %v, want %v", name, x[0], x[1])
		}
	}
	if r := s.Ops[0]; r.Latency.Max > 10100*time.Microsecond {
		t.Errorf("failures are in the latencies: %+v", r.Latency)
	}
	if len(s.Phases) != 4 || s.Phases[1].Phase != "fault" || s.Phases[1].Fail != 250 || s.Phases[0].Fail != 0 || s.Phases[0].Missed != 1 {
		t.Errorf("phases %+v", s.Phases)
	}
	if len(s.Seconds) != 8 || s.Seconds[4].Second != 2 || s.Seconds[4].Op != "read" || s.Seconds[4].Fail != 250 || s.Seconds[0].Planned != 251 {
		t.Errorf("%d seconds, the third of the reads: %+v", len(s.Seconds), s.Seconds[4])
	}
	if lag := s.Lag.P99; lag < 990*time.Microsecond || lag > 1010*time.Microsecond {
		t.Errorf("lag %v", lag)
	}
	if _, err := json.Marshal(s); err != nil {
		t.Error(err)
	}
	if g := s.Seconds[4].Good(); g != 0 {
		t.Errorf("good share %v of a second without a success", g)
	}
}

// Rows of two tallies are those of one that has seen both.
func TestMerge(t *testing.T) {
	opt := Options{Phases: []Phase{{"a", 0}}}
	one, left, right := New(opt), New(opt), New(opt)
	for i := range 2000 {
		s := sample("op", time.Duration(i)*ms, time.Duration(rand.IntN(300))*ms, loadgen.OK, "")
		one.Add(s)
		if i%3 == 0 {
			left.Add(s)
		} else {
			right.Add(s)
		}
	}
	left.Merge(right)
	a, b := one.Summary(), left.Summary()
	if a.All.Counts != b.All.Counts || a.All.Latency != b.All.Latency || a.Phases[0].Latency != b.Phases[0].Latency || a.Lag != b.Lag {
		t.Errorf("one %+v, merged %+v", a.All, b.All)
	}
	var n uint64
	for _, s := range b.Seconds {
		n += s.Planned
	}
	if n != 2000 {
		t.Errorf("%d requests in the merged seconds", n)
	}
}

// A million requests of an hour's load take no more memory than the seconds that they fall into.
func TestMemoryDoesNotGrowWithRequests(t *testing.T) {
	grown := func(perSecond int) int64 {
		before := heap()
		tl := New(Options{Timeout: time.Second})
		for sec := range 600 {
			for i := range perSecond {
				tl.Add(sample("op", time.Duration(sec)*time.Second+time.Duration(i)*time.Second/time.Duration(perSecond), 5*ms, loadgen.OK, ""))
			}
		}
		after := heap()
		runtime.KeepAlive(tl)
		return after - before
	}
	few, many := grown(10), grown(1000)
	if many > few+1<<20 || many > 4<<20 {
		t.Errorf("%d bytes for 600,000 requests, %d for 6,000", many, few)
	}
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func BenchmarkAdd(b *testing.B) {
	tl := New(Options{Limit: 500 * ms, Timeout: time.Second})
	i := 0
	for b.Loop() {
		tl.Add(sample("op", time.Duration(i)*100*time.Microsecond, 5*ms, loadgen.OK, ""))
		i++
	}
}
