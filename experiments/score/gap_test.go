package score

import (
	"testing"
	"time"

	"gauntlet/loadgen"
)

// Requests that are slow but good enough are completed late; that others were completed meanwhile is no gap.
func TestTheLongestGapIsBetweenCompletions(t *testing.T) {
	const end = 10 * time.Second
	for _, c := range []struct {
		name  string
		takes func(i int, due time.Duration) time.Duration
		want  time.Duration
	}{
		{"all quick", func(int, time.Duration) time.Duration { return time.Millisecond }, 10 * time.Millisecond},
		{"every tenth slow", func(i int, _ time.Duration) time.Duration {
			return time.Duration(1+399*(i%10/9)) * time.Millisecond
		}, 20 * time.Millisecond},
		{"a hang of 300 ms", func(_ int, due time.Duration) time.Duration {
			if due < 5*time.Second || due >= 5300*time.Millisecond {
				return time.Millisecond
			}
			return 5300*time.Millisecond - due
		}, 309 * time.Millisecond},
	} {
		m := newMeter("read", "", 100, span{baseline: 0, from: 0, to: end})
		for i := range 1000 {
			due := time.Duration(i) * 10 * time.Millisecond
			m.add(loadgen.Sample{Due: due, Sent: due, End: due + c.takes(i, due), Code: 200, Out: loadgen.OK}, 500*time.Millisecond)
		}
		if got := m.finish().LongestGap; (got - c.want).Abs() > 2*gapStep {
			t.Errorf("%s: longest gap %v, want %v", c.name, got, c.want)
		}
	}
}

// Where the generator had no port the second is unknown, not lost.
func TestNoPortVoidsTheSecond(t *testing.T) {
	c := parse("steps kill postgres-primary 10 10\nfault on db1 roles postgres-primary began 17 healed 27\nbad read 40..41 ports\n").card(t)
	for _, k := range c.Classes {
		if k.Name == "read" && (k.UnknownSecs != 1 || k.LostSeconds != 0 || k.Missed != 80) {
			t.Errorf("%+v, want one unknown second and nothing lost", k)
		}
	}
	if c.Load.VoidedSecs != 1 {
		t.Errorf("%d voided seconds, want 1", c.Load.VoidedSecs)
	}
}
