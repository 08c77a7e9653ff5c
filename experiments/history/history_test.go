package history

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"sync"
	"testing"
	"time"

	"gauntlet/experiments/probe"
	"gauntlet/loadgen"
)

func sample(i int) loadgen.Sample {
	due := time.Duration(i) * time.Millisecond
	s := loadgen.Sample{Op: "create", Class: "write", Due: due, Sent: due + 50*time.Microsecond, End: due + 3*time.Millisecond, Code: 201, Out: loadgen.OK, ID: uint64(i), Server: fmt.Sprintf("web%d db1", i%3)}
	if i%7 == 0 {
		s.Out, s.Code, s.Err, s.Region = loadgen.Info, 0, "timeout", "a"
	}
	return s
}

func record(t testing.TB, dir string, n int, end bool) []loadgen.Sample {
	t.Helper()
	w, err := Create(dir, Header{Version: Version, Experiment: "x"})
	if err != nil {
		t.Fatal(err)
	}
	var want []loadgen.Sample
	w.Phase(PhaseStart{Name: "warm", At: time.Second})
	for i := range n {
		want = append(want, sample(i))
		w.Sample(want[i])
	}
	w.Point(probe.Point{Metric: probe.ReplicationLag, Target: "db2", At: time.Second, Value: 0.1})
	w.Fault(Fault{Step: 1, Kind: "kill", Began: 5})
	w.Fault(Fault{Step: 0, Kind: "pause", Began: 4})
	w.Fault(Fault{Step: 1, Kind: "kill", Began: 5, Healed: 9})
	if !end {
		time.Sleep(3 * flushEvery)
		return want
	}
	if err := w.Close(End{At: time.Minute, Planned: map[string]uint64{"create": uint64(n)}}); err != nil {
		t.Fatal(err)
	}
	return want
}

func samplesOf(t *testing.T, h *History) (out []loadgen.Sample, errs []error) {
	t.Helper()
	for s, err := range h.Samples() {
		if err != nil {
			errs = append(errs, err)
			continue
		}
		out = append(out, s)
	}
	return out, errs
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	dir := t.TempDir()
	want := record(t, dir, 10_000, true)
	h, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	got, errs := samplesOf(t, h)
	if len(errs) > 0 || !reflect.DeepEqual(got, want) {
		t.Errorf("%d samples with errors %v, want the %d that were written", len(got), errs, len(want))
	}
	if h.End == nil || h.End.Planned["create"] != 10_000 || len(h.Warnings) > 0 {
		t.Errorf("end %+v, warnings %v", h.End, h.Warnings)
	}
	if len(h.Faults) != 2 || h.Faults[1].Healed != 9 || h.Faults[0].Kind != "pause" {
		t.Errorf("faults %+v; want one per step, in order, the last line of each", h.Faults)
	}
	points := 0
	for p, err := range h.Points() {
		if points++; err != nil || p.Target != "db2" {
			t.Errorf("point %+v, %v", p, err)
		}
	}
	if points != 1 {
		t.Errorf("%d points, want 1", points)
	}
}

// What a recorder that is killed had a second ago is on disk.
func TestWithoutCloseLittleIsLost(t *testing.T) {
	dir := t.TempDir()
	want := record(t, dir, 1000, false)
	h, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if got, errs := samplesOf(t, h); len(got) != len(want) || len(errs) > 0 || h.End != nil {
		t.Errorf("%d of %d samples, errors %v, end %v; want all and no end", len(got), len(want), errs, h.End)
	}
}

func TestDamageIsReported(t *testing.T) {
	for _, c := range []struct {
		name   string
		damage func([]byte) []byte
	}{
		{"cut off", func(b []byte) []byte { return b[:len(b)-5] }},
		{"flipped bit", func(b []byte) []byte { b[len(b)/2] ^= 1; return b }},
		{"other file", func(b []byte) []byte { copy(b, "NOTAREQS"); return b }},
		{"too few counted", func(b []byte) []byte { b[len(magic)+4]--; return b }},
		{"too many counted", func(b []byte) []byte { b[len(magic)+4]++; return b }},
		{"huge block", func(b []byte) []byte { b[len(magic)+3] = 0xff; return b }},
	} {
		dir := t.TempDir()
		want := record(t, dir, 20_000, true)
		file := filepath.Join(dir, requestsFile)
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, c.damage(text), 0o644); err != nil {
			t.Fatal(err)
		}
		h, err := Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		got, errs := samplesOf(t, h)
		if len(errs) != 1 || !errors.Is(errs[0], ErrDamaged) || len(got) >= len(want) {
			t.Errorf("%s: %d of %d samples, errors %v; want fewer and ErrDamaged", c.name, len(got), len(want), errs)
		}
	}
}

func TestATornLineIsAWarning(t *testing.T) {
	dir := t.TempDir()
	record(t, dir, 10, true)
	f, err := os.OpenFile(filepath.Join(dir, eventsFile), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(`{"note":{"kind":"in`); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	h, err := Open(dir)
	if err != nil || len(h.Warnings) != 1 || !errors.Is(h.Warnings[0], ErrDamaged) {
		t.Errorf("got %v and warnings %v, want one ErrDamaged", err, h.Warnings)
	}
}

func TestRecordingsAreNeverOverwritten(t *testing.T) {
	dir := t.TempDir()
	record(t, dir, 1, true)
	if _, err := Create(dir, Header{Version: Version}); !errors.Is(err, ErrExists) {
		t.Errorf("got %v, want ErrExists", err)
	}
	if _, err := Open(t.TempDir()); !errors.Is(err, ErrNoRecording) {
		t.Errorf("empty folder: got %v, want ErrNoRecording", err)
	}
}

func TestWriterIsSafeForManyGoroutines(t *testing.T) {
	dir := t.TempDir()
	w, err := Create(dir, Header{Version: Version})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 500 {
				w.Sample(sample(g*500 + i))
				w.Change(probe.Change{What: probe.Role, Target: "db1"})
			}
		})
	}
	wg.Wait()
	if err := w.Close(End{}); err != nil {
		t.Fatal(err)
	}
	h, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := samplesOf(t, h); len(got) != 4000 || len(h.Changes) != 4000 {
		t.Errorf("%d samples and %d changes, want 4000 of each", len(got), len(h.Changes))
	}
}

// Reports bytes per sample; reading is what bounds the scoring of long runs.
func BenchmarkEncode(b *testing.B) {
	e := newEncoder()
	bytes := 0
	for i := 0; b.Loop(); i++ {
		e.add(sample(i % 100_000))
		if len(e.buf) > flushSize {
			bytes += len(e.block())
		}
	}
	b.ReportMetric(float64(bytes)/float64(b.N), "B/sample")
}

func BenchmarkRead(b *testing.B) {
	dir := b.TempDir()
	const n = 200_000
	record(b, dir, n, true)
	h, err := Open(dir)
	if err != nil {
		b.Fatal(err)
	}
	count := 0
	for b.Loop() {
		for _, err := range h.Samples() {
			if count++; err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(count)/b.Elapsed().Seconds(), "samples/s")
}
