package score

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"gauntlet/experiments/history"
	"gauntlet/experiments/probe"
	"gauntlet/loadgen"
)

// What a run could leave out to look better. None may raise what is certain of its score, the lower end, on any recorded
// history, nor make a verdict a pass that was none.
var omissions = []struct {
	name string
	do   func(s *script)
}{
	{"the lag probe left out", func(s *script) {
		s.drop(func(e history.Event) bool { return e.Point != nil && e.Point.Metric == probe.ReplicationLag })
	}},
	{"all probes left out", func(s *script) { s.drop(func(e history.Event) bool { return e.Point != nil }) }},
	{"the read-back left out", func(s *script) { s.drop(func(e history.Event) bool { return e.Read != nil }) }},
	{"replicas not read back", func(s *script) {
		s.drop(func(e history.Event) bool { return e.Read != nil && e.Read.Role != "primary" })
	}},
	{"the end left out", func(s *script) { s.drop(func(e history.Event) bool { return e.End != nil }) }},
	{"a lower load than declared", func(s *script) { s.thin(func(i int, _ loadgen.Sample) bool { return i%2 == 0 }) }},
	{"bad requests left out", func(s *script) { s.thin(func(_ int, x loadgen.Sample) bool { return x.Out == loadgen.OK }) }},
	{"the faults left out", func(s *script) { s.drop(func(e history.Event) bool { return e.Fault != nil }) }},
	{"a stall of the machine", func(s *script) { s.add(history.Event{Note: &history.Note{Kind: history.NoteStall, Text: "80 ms"}}) }},
	{"a machine that paused in the outage", func(s *script) { s.pause(faultAt, faultAt+3*time.Second) }},
	{"a machine that paused after the heal", func(s *script) { s.pause(faultAt+10*time.Second, faultAt+11*time.Second) }},
	{"a generator that fell behind in the outage", func(s *script) { s.late() }},
}

func TestLeavingOutDoesNotRaiseTheScore(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".txt")
		honest := scriptOf(t, name).card(t)
		for _, o := range omissions {
			s := scriptOf(t, name)
			before := len(s.events) + len(s.samples)
			o.do(s)
			got := s.card(t)
			if got.Score.Lo > honest.Score.Lo+1e-9 {
				t.Errorf("%s, %s: at least %.2f points, %.2f without the trick", name, o.name, got.Score.Lo, honest.Score.Lo)
			}
			if got.Verdict == Pass && honest.Verdict != Pass {
				t.Errorf("%s, %s: passes, without the trick it is %s (%d events and samples, were %d)", name, o.name, honest.Verdict, len(s.events)+len(s.samples), before)
			}
		}
	}
}

// drop leaves out events.
func (s *script) drop(which func(history.Event) bool) { s.events = slices.DeleteFunc(s.events, which) }

// thin keeps samples.
func (s *script) thin(keep func(i int, x loadgen.Sample) bool) {
	i := -1
	s.samples = slices.DeleteFunc(s.samples, func(x loadgen.Sample) bool { i++; return !keep(i, x) })
}

// pause lets this machine pause once more.
func (s *script) pause(from, to time.Duration) {
	for _, e := range s.events {
		if e.End != nil {
			e.End.Pauses = append(e.End.Pauses, probe.Pause{From: from, To: to})
		}
	}
}

// late makes the generator late for all requests that went badly.
func (s *script) late() {
	for i := range s.samples {
		if x := &s.samples[i]; x.Out != loadgen.OK && x.Out != loadgen.Missed {
			x.Sent = x.Due + 2*lagLimit
			x.End = max(x.End, x.Sent)
		}
	}
	s.sortByEnd()
}

// A client that waits longer, retries that take 3 s, a promise that is taken back and a longer healthy tail, on every recorded
// history. What a topology does not promise is not capped, but the data part and the goals still count what was lost.
func TestTricksDoNotRaiseTheScoreOfAnyHistory(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".txt")
		honest := scriptOf(t, name).card(t)
		for trick, do := range map[string]func(*script){
			"a client time-out of 30 s": func(s *script) { s.stretch(30e9) }, "retries that take 3 s": func(s *script) { s.hide(3e9) },
		} {
			s := scriptOf(t, name)
			do(s)
			if got := s.card(t); got.Score.Lo > honest.Score.Lo+0.5 {
				t.Errorf("%s, %s: at least %.2f points, %.2f without the trick", name, trick, got.Score.Lo, honest.Score.Lo)
			}
		}
	}
}
