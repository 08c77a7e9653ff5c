package compare

import (
	"context"
	"io"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"

	"gauntlet/experiments/history"
	"gauntlet/experiments/probe"
	"gauntlet/experiments/report"
	"gauntlet/experiments/score"
	"gauntlet/experiments/spec"
	"gauntlet/loadgen"
)

const longClaim = `claim: a long run is judged quickly
topology: replicated
load: {workload: reference}
phases: {warm: 10s, baseline: 20s, recovery: 970s}
steps:
  - {at: 20s, for: 980s, on: {role: postgres-primary}, fault: {kind: kill}}
goals:
  - {metric: availability, at_least: 0.5}
`

// tenMillion records ten million requests, a tenth of them writes of the ledger, in the folder.
func tenMillion(b *testing.B, dir string) spec.Experiment {
	b.Helper()
	const n = 10_000_000
	e, err := spec.Parse("long.yaml", []byte(longClaim))
	if err != nil {
		b.Fatal(err)
	}
	h := history.Header{
		Version: history.Version, Experiment: e.Name, Topology: e.Topology, Source: longClaim, Timeout: time.Second, Limit: time.Second / 2, Rate: 5000,
		Roles: []string{"postgres-primary"}, Replicas: []string{"db1"}, Sync: true, Origin: time.Unix(1_700_000_000, 0),
		Ops: []history.OpInfo{{Name: "create", Class: "write", Rate: 500, Ledger: true}, {Name: "feed", Class: "read", Rate: 4500}},
	}
	w, err := history.Create(dir, h)
	if err != nil {
		b.Fatal(err)
	}
	begin := time.Second
	for _, p := range []history.PhaseStart{{Name: "warm", At: begin}, {Name: "baseline", At: begin + 10*time.Second}, {Name: "fault", At: begin + 30*time.Second}, {Name: "recovery", At: begin + 1010*time.Second}, {Name: "readback", At: begin + e.Length()}} {
		w.Phase(p)
	}
	w.Fault(history.Fault{Kind: "kill", On: []string{"db1"}, Roles: []string{"postgres-primary"}, Asked: begin + 30*time.Second, Began: begin + 30*time.Second, HealAsked: begin + 1009*time.Second, Healed: begin + 1010*time.Second, Proof: "gone"})
	w.Point(probe.Point{Metric: probe.Coverage, Target: "role db2", At: begin + 40*time.Second, Value: 1})
	planned := map[string]uint64{}
	id := uint64(0)
	for i := range n {
		due := begin + time.Duration(i)*e.Length()/n
		s := loadgen.Sample{Op: "feed", Class: "read", Server: "web1", Due: due, Sent: due + 50*time.Microsecond, End: due + time.Duration(2+i%7)*time.Millisecond, Code: 200, Out: loadgen.OK}
		if i%10 == 0 {
			id++
			s.Op, s.Class, s.ID = "create", "write", id
		}
		if i%5_000_000 > 4_900_000 {
			s.Out, s.Code, s.Err = loadgen.Fail, 503, "status 503"
		}
		planned[s.Op]++
		w.Sample(s)
	}
	w.Read(history.ReadBack{Node: "db1", Role: "primary", CaughtUp: true, Present: []history.Range{{1, id}}})
	if err := w.Close(history.End{At: begin + e.Length(), Planned: planned}); err != nil {
		b.Fatal(err)
	}
	return e
}

// peak watches the memory that Go holds until ctx ends.
func peak(ctx context.Context, top *uint64) {
	for t := time.NewTicker(20 * time.Millisecond); ; {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		*top = max(*top, m.Sys-m.HeapReleased)
		select {
		case <-ctx.Done():
			t.Stop()
			return
		case <-t.C:
		}
	}
}

// Bounds of a report of ten million requests: processor time, which other work on the machine does not lengthen much, and memory.
const (
	reportTime   = 10 * time.Second
	reportMemory = 128_000_000 // bytes
)

// processorTime is what this process has used of all processors.
func processorTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// Ten million recorded requests, scored and reported: within 10 s and 128 MB on a machine with 2 cores.
func BenchmarkTenMillionRequests(b *testing.B) {
	dir := filepath.Join(b.TempDir(), "long")
	e := tenMillion(b, dir)
	runtime.GC()
	var top uint64
	ctx, cancel := context.WithCancel(b.Context())
	var watch sync.WaitGroup
	watch.Go(func() { peak(ctx, &top) })
	before := processorTime(b)
	for b.Loop() {
		h, err := history.Open(dir)
		if err != nil {
			b.Fatal(err)
		}
		c := score.Score(e, h)
		if c.Load.Accounted != 10_000_000 {
			b.Fatalf("%d requests", c.Load.Accounted)
		}
		tl, err := report.ReadTimeline(h.Events(), h.Samples())
		if err != nil {
			b.Fatal(err)
		}
		if err := report.HTML(io.Discard, c, tl); err != nil {
			b.Fatal(err)
		}
	}
	each := (processorTime(b) - before) / time.Duration(b.N)
	cancel()
	watch.Wait()
	if top > reportMemory || each > reportTime {
		b.Errorf("%d bytes and %v of processor time, want at most %d and %v", top, each, reportMemory, reportTime)
	}
	b.ReportMetric(each.Seconds(), "cpu-s/report")
	b.ReportMetric(float64(top)/1e6, "MB-peak")
	b.ReportMetric(b.Elapsed().Seconds()/float64(b.N), "s/report")
}
