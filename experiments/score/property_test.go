package score

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"gauntlet/experiments/history"
	"gauntlet/loadgen"
)

// The instrument: an outage of known begin and length, met by an open loop at a random phase, must be printed as an interval
// that holds the truth, without bias.
func TestOutageIntervalsHoldTheTruth(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, truth := range []time.Duration{50 * time.Millisecond, 200 * time.Millisecond, time.Second, 5 * time.Second, 30 * time.Second} {
		for _, kind := range []string{"refuse", "hang", "500", "slow", "reset"} {
			var held, n int
			var bias float64
			for _, rate := range []float64{20, 40, 150, 1000} {
				for range 25 {
					got := measured(truth, kind, rate, rng)
					n++
					bias += got.Value - truth.Seconds()
					if got.Lo <= truth.Seconds() && truth.Seconds() <= got.Hi {
						held++
					}
				}
			}
			if share := float64(held) / float64(n); share < 0.99 {
				t.Errorf("%s of %s: %.0f %% of the intervals hold the truth, want 99 %%", kind, truth, 100*share)
			}
			if bias /= float64(n); math.Abs(bias) > 0.020 {
				t.Errorf("%s of %s: bias %.1f ms, want less than 20 ms", kind, truth, 1000*bias)
			}
		}
	}
}

// measured is the longest outage that a meter sees of a target that is out for truth from a random moment on.
func measured(truth time.Duration, kind string, rate float64, rng *rand.Rand) Interval {
	gap := time.Duration(float64(time.Second) / rate)
	from := 3*time.Second + time.Duration(rng.Int64N(int64(time.Second)))
	m := newMeter("c", "", rate, span{baseline: time.Second, from: time.Second, to: from + truth + 5*time.Second})
	for due := time.Duration(0); due < m.span.to; due += gap {
		m.add(met(due, from, truth, kind), 500*time.Millisecond)
	}
	m.finish()
	return m.longestOutage()
}

// met is what a request meets that is due then. Whatever is answered well takes 2 ms.
func met(due, from, truth time.Duration, kind string) loadgen.Sample {
	const quick, deadline = 2 * time.Millisecond, time.Second
	s := loadgen.Sample{Due: due, Sent: due, End: due + quick, Code: 200, Out: loadgen.OK}
	if due < from || due >= from+truth {
		return s
	}
	switch kind {
	case "hang": // answered when the target goes on, if the client is still there
		if s.End = from + truth + quick; s.End-due > deadline {
			s.End, s.Out, s.Code = due+deadline, loadgen.Info, 0
		}
		if truth <= 500*time.Millisecond {
			s.End, s.Out = from+truth+quick, loadgen.Info // too short to be slower than the limit: count it as broken off
		}
	case "slow":
		s.End = due + 700*time.Millisecond
	case "500":
		s.Out, s.Code = loadgen.Info, 500
	default:
		s.Out, s.Code = loadgen.Fail, 0
	}
	return s
}

// Watching longer changes neither what was lost nor raises the score.
func TestALongerHealthyTailChangesNothing(t *testing.T) {
	text, err := os.ReadFile("testdata/kill.txt")
	if err != nil {
		t.Fatal(err)
	}
	in, _, _ := strings.Cut(string(text), "---")
	short := parse(in)
	want := short.card(t)
	long := parse(in)
	long.lengthen(60 * time.Second)
	got := long.card(t)
	if got.Score.Value > want.Score.Value+1e-9 {
		t.Errorf("score %.6f with a longer tail, %.6f without", got.Score.Value, want.Score.Value)
	}
	for i := range want.Classes {
		if d := math.Abs(got.Classes[i].LostSeconds - want.Classes[i].LostSeconds); d > 1e-9 {
			t.Errorf("%s lost %.6f s with a longer tail, %.6f s without", want.Classes[i].Name, got.Classes[i].LostSeconds, want.Classes[i].LostSeconds)
		}
	}
}

// lengthen adds healthy time at the end.
func (s *script) lengthen(by time.Duration) {
	s.spec.Phases.Recovery += by
	last := uint64(0)
	for due := loadTo; due < loadTo+by; due += 50 * time.Millisecond {
		for _, op := range []string{"create", "feed"} {
			x := loadgen.Sample{Op: op, Class: map[string]string{"create": "write", "feed": "read"}[op], Due: due, Sent: due, End: due + 5*time.Millisecond, Code: 200, Out: loadgen.OK}
			s.samples = append(s.samples, x)
			last++
		}
	}
	for i := range s.events {
		if p := s.events[i].Phase; p != nil && p.Name == "readback" {
			s.events[i].Phase = &history.PhaseStart{Name: "readback", At: p.At + by}
		}
		if e := s.events[i].End; e != nil {
			e.Planned["create"] += last / 2
			e.Planned["feed"] += last / 2
		}
	}
}

// Tricks that must not raise the score: a client that waits longer, retries that hide errors but take 3 s.
func TestTricksDoNotRaiseTheScore(t *testing.T) {
	honest := scriptOf(t, "kill").card(t)
	for _, c := range []struct {
		name  string
		trick func(s *script)
	}{
		{"a client time-out of 30 s", func(s *script) { s.stretch(30 * time.Second) }},
		{"retries that hide errors but take 3 s", func(s *script) { s.hide(3 * time.Second) }},
		{"a topology that calls itself asynchronous", func(s *script) { s.header.Sync = false }},
	} {
		s := scriptOf(t, "kill")
		c.trick(s)
		if got := s.card(t); got.Score.Value > honest.Score.Value+0.5 {
			t.Errorf("%s raises the score from %.2f to %.2f", c.name, honest.Score.Value, got.Score.Value)
		}
	}
}

func scriptOf(t *testing.T, name string) *script {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name+".txt"))
	if err != nil {
		t.Fatal(err)
	}
	in, _, _ := strings.Cut(string(text), "---")
	return parse(in)
}

// stretch makes failed requests end at a longer time-out.
func (s *script) stretch(timeout time.Duration) {
	s.header.Timeout = timeout
	for i := range s.samples {
		if x := &s.samples[i]; x.Out == loadgen.Fail {
			x.Out, x.End = loadgen.Info, x.Due+timeout
		}
	}
	s.sortByEnd()
}

// hide turns failed requests into slow successes.
func (s *script) hide(takes time.Duration) {
	s.header.Timeout = takes + time.Second
	for i := range s.samples {
		if x := &s.samples[i]; x.Out == loadgen.Fail {
			x.Out, x.Code, x.Err, x.End = loadgen.OK, 200, "", x.Due+takes
		}
	}
	s.sortByEnd()
}

func (s *script) sortByEnd() {
	slices.SortStableFunc(s.samples, func(a, b loadgen.Sample) int { return int(a.End - b.End) })
}

// The points lost add up to what is missing from 100 before caps, and every utility lies in [0,1].
func TestPartsAddUp(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		c := scriptOf(t, strings.TrimSuffix(filepath.Base(file), ".txt")).card(t)
		sum := 0.0
		for _, p := range c.Parts {
			sum += p.PointsLost.Value
			if u := p.Utility; p.Applicable && !(0 <= u.Lo && u.Lo <= u.Value && u.Value <= u.Hi && u.Hi <= 1) {
				t.Errorf("%s: utility of %s is %+v", file, p.Name, u)
			}
		}
		if len(c.Caps) == 0 && math.Abs(100-sum-c.Score.Value) > 1e-9 {
			t.Errorf("%s: parts lose %.9f, score is %.9f", file, sum, c.Score.Value)
		}
	}
}

// The same recording gives the same bits, from memory and from disk, again and again.
func TestSameRecordingSameBits(t *testing.T) {
	s := scriptOf(t, "ledger")
	dir := filepath.Join(t.TempDir(), "run")
	w, err := history.Create(dir, s.header)
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range s.samples {
		w.Sample(x)
	}
	var end history.End
	for _, e := range s.events {
		write(w, e, &end)
	}
	if err := w.Close(end); err != nil {
		t.Fatal(err)
	}
	want := bits(t, s.card(t))
	for i := range 3 {
		h, err := history.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		if got := bits(t, Score(s.spec, h)); got != want {
			t.Errorf("reading %d gives another card:\n%s\nwant\n%s", i+1, got, want)
		}
	}
}

func bits(t *testing.T, c Card) string {
	t.Helper()
	b, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func write(w *history.Writer, e history.Event, end *history.End) {
	switch {
	case e.Phase != nil:
		w.Phase(*e.Phase)
	case e.Fault != nil:
		w.Fault(*e.Fault)
	case e.Engine != nil:
		w.Engine(*e.Engine)
	case e.Change != nil:
		w.Change(*e.Change)
	case e.Point != nil:
		w.Point(*e.Point)
	case e.Read != nil:
		w.Read(*e.Read)
	case e.Note != nil:
		w.Note(*e.Note)
	case e.End != nil:
		*end = *e.End
	}
}

func TestUtilityAnchors(t *testing.T) {
	for _, c := range []struct{ x, want float64 }{{0, 1}, {0.3, 1}, {0.03, 1}, {3, 0.6}, {30, 0.3}, {300, 0}, {30000, 0}} {
		if got := utility(c.x, 3); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("utility(%g, 3) = %g, want %g", c.x, got, c.want)
		}
	}
	for x := 0.001; x < 1000; x *= 1.1 {
		if utility(x*1.01, 3) > utility(x, 3) {
			t.Errorf("utility rises at %g", x)
		}
	}
}

func TestWorstVerdictWins(t *testing.T) {
	for _, c := range []struct {
		in   []Verdict
		want Verdict
	}{{nil, Pass}, {[]Verdict{Pass, Pass}, Pass}, {[]Verdict{Pass, Unknown}, Unknown}, {[]Verdict{Unknown, Fail, Pass}, Fail}} {
		if got := worst(c.in...); got != c.want {
			t.Errorf("worst(%v) = %s, want %s", c.in, got, c.want)
		}
	}
}

// One million requests; reports what a request costs.
func BenchmarkScore(b *testing.B) {
	s := parse("point replication_lag db2 0.05 at 20\n")
	const n = 1_000_000
	samples := make([]loadgen.Sample, n)
	for i := range samples {
		due := loadFrom + time.Duration(i)*(loadTo-loadFrom)/n
		samples[i] = loadgen.Sample{Op: "feed", Class: "read", Due: due, Sent: due, End: due + 5*time.Millisecond, Code: 200, Out: loadgen.OK}
	}
	h, err := history.Memory(s.events, samples)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		Score(s.spec, h)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/request")
}
