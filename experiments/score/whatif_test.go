package score

import (
	"errors"
	"math"
	"strings"
	"testing"
)

func change(t *testing.T, text string) Change {
	t.Helper()
	c, err := ParseChange(text)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// whatIf scores a script as if the changes were so.
func whatIf(t *testing.T, s *script, changes ...string) (Card, error) {
	t.Helper()
	var all []Change
	for _, text := range changes {
		all = append(all, change(t, text))
	}
	return WhatIf(s.spec, s.history(t), all...)
}

// A failover that takes as long as it did changes nothing; a shorter one shortens the outage and what it cost in proportion.
func TestWhatIfTheFailoverWasShorter(t *testing.T) {
	s := scriptOf(t, "kill")
	was := s.card(t)
	same, err := whatIf(t, s, "kill failover=3.1s")
	if err != nil {
		t.Fatal(err)
	}
	if d := same.Score.Value - was.Score.Value; math.Abs(d) > 0.01 {
		t.Errorf("the same failover time changes the score by %.3f", d)
	}
	got, err := whatIf(t, s, "1 failover=310ms")
	if err != nil {
		t.Fatal(err)
	}
	if got.Score.Value <= was.Score.Value {
		t.Errorf("score %.2f with a tenth of the failover time, %.2f as it was", got.Score.Value, was.Score.Value)
	}
	write := find(t, got, "write_lost_seconds").Value.Value
	if math.Abs(write-0.31) > 0.01 {
		t.Errorf("writes lose %.3f s, want a tenth of 3.1 s", write)
	}
	if o := find(t, got, "write_outage").Value.Value; math.Abs(o-0.3105) > 0.01 {
		t.Errorf("write outage %.3f s, want a tenth of 3.105 s", o)
	}
	if len(got.WhatIf) != 1 || !strings.Contains(got.Warnings[0], "did not happen") {
		t.Errorf("the card does not say that it is no measurement: %v, %v", got.WhatIf, got.Warnings)
	}
	if again := s.card(t); again.WhatIf != nil || again.Score != was.Score {
		t.Errorf("the question changed the recording: %+v", again.Score)
	}
}

func TestWhatIfAStageWasShorter(t *testing.T) {
	got, err := whatIf(t, scriptOf(t, "kill"), "kill detect=500ms")
	if err != nil {
		t.Fatal(err)
	}
	hit, sum := got.Faults[0], 0.0
	for _, s := range hit.Stages {
		sum += s.Seconds
	}
	if math.Abs(hit.Failover.Value-1.1) > 0.001 || math.Abs(sum-hit.Failover.Value) > 1e-9 {
		t.Errorf("failover %.3f s, stages add up to %.3f s; want 1.1 s, which is 3.1 s less 2 s of detection", hit.Failover.Value, sum)
	}
}

// Lost writes that had not been lost lift the cap that they set.
func TestWhatIfNothingWasLost(t *testing.T) {
	s := scriptOf(t, "lost")
	was := s.card(t)
	got, err := whatIf(t, s, "lost_writes=0")
	if err != nil {
		t.Fatal(err)
	}
	if len(was.Caps) == 0 || len(got.Caps) != 0 || got.Score.Value <= was.Score.Value {
		t.Errorf("score %.2f with caps %v, was %.2f with %v", got.Score.Value, got.Caps, was.Score.Value, was.Caps)
	}
}

func TestWhatIfRefuses(t *testing.T) {
	for _, text := range []string{"", "failover", "kill failover", "kill detect=fast", "kill failover=-1s", "lost_writes=-1", "kill lost_writes=0", "speed=2s", "a b c=2s", "lost_writes=1.5"} {
		if _, err := ParseChange(text); !errors.Is(err, ErrWhatIf) {
			t.Errorf("%q: %v, want ErrWhatIf", text, err)
		}
	}
	for script, text := range map[string]string{"kill": "pause failover=2s", "never-served": "failover=2s", "unseen-stage": "promote=1s", "control": "failover=1s"} {
		if _, err := whatIf(t, scriptOf(t, script), text); !errors.Is(err, ErrWhatIf) {
			t.Errorf("%s of %s: %v, want ErrWhatIf", text, script, err)
		}
	}
	for _, text := range []string{"kill failover=2s", "detect=500ms", "lost_writes=3"} {
		if got := change(t, text).String(); got != text {
			t.Errorf("%q is printed as %q", text, got)
		}
	}
}

// The standard's five intervals add up to each slot, and the ratio is what the truth says: 62 of 4,000 requests failed.
func TestISOIntervalsAddUp(t *testing.T) {
	s := scriptOf(t, "kill")
	v := ISO(s.spec, s.history(t))
	if !v.Known || len(v.Slots) != 1 || math.Abs(v.Baseline-100) > 0.5 {
		t.Fatalf("%+v; want one slot and a baseline of 100/s", v)
	}
	if want := 1 - 62.0/4000; math.Abs(v.Resiliency-want) > 0.002 {
		t.Errorf("resiliency %.4f, want %.4f", v.Resiliency, want)
	}
	sum := 0.0
	want := []float64{10, 2.5, 0.4, 0.2, 36.9}
	for i, part := range v.Slots[0].Intervals {
		sum += part.Seconds
		if math.Abs(part.Seconds-want[i]) > 0.02 || !part.Known {
			t.Errorf("%s: %.3f s (known %v), want %.3f s", part.Name, part.Seconds, part.Known, want[i])
		}
	}
	if math.Abs(sum-50) > 0.01 {
		t.Errorf("the intervals add up to %.3f s, want the 50 s from the baseline on", sum)
	}
	control := scriptOf(t, "control")
	if v := ISO(control.spec, control.history(t)); v.Known || len(v.Slots) > 0 {
		t.Errorf("a control has a resiliency: %+v", v)
	}
}
