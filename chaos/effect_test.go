package chaos

import (
	"testing"
	"time"
)

// A group's effect begins with its first member and is whole with its last; without proof for each there is none.
func TestEffectOfAGroup(t *testing.T) {
	base := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	at := func(ms, uncertain int) Effect {
		return Effect{Began: base.Add(time.Duration(ms) * time.Millisecond), Uncertainty: time.Duration(uncertain) * time.Millisecond, Proof: "gone"}
	}
	got := merge([]Effect{at(300, 20), at(100, 10), at(2000, 50)})
	if began := got.Began.Sub(base); began != 100*time.Millisecond || got.Uncertainty != 10*time.Millisecond {
		t.Errorf("began at %v ± %v", began, got.Uncertainty)
	}
	if whole := got.Whole.Sub(base); whole != 2050*time.Millisecond || got.Proof != "gone; gone; gone" {
		t.Errorf("whole at %v, proof %q", whole, got.Proof)
	}
	if got := merge([]Effect{at(100, 10), {Began: base}}); got != (Effect{}) {
		t.Errorf("%+v without proof for each", got)
	}
}
