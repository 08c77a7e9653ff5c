package chaos_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"gauntlet/chaos"
)

// clockRuntime notes when it was asked to do something.
type clockRuntime struct {
	chaos.Runtime
	at []time.Duration
	t0 time.Time
}

func (c *clockRuntime) Do(context.Context, chaos.Target, string, chaos.Op) (chaos.Effect, error) {
	c.at = append(c.at, time.Since(c.t0))
	return chaos.Effect{Began: time.Now(), Proof: "done"}, nil
}

// A rolling restart gives each target its pause before the next one goes; the last one needs none.
func TestRollPausesBetweenItsTargets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := &clockRuntime{t0: time.Now()}
		plan, err := (&chaos.Roll{Timeout: time.Second, Pause: 3 * time.Second}).Plan(chaos.Scene{}, []chaos.Container{{ID: "1"}, {ID: "2"}, {ID: "3"}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := chaos.CarryOut(t.Context(), rt, "id", plan, true); err != nil {
			t.Fatal(err)
		}
		if len(rt.at) != 3 || rt.at[0] != 0 || rt.at[1] != 3*time.Second || rt.at[2] != 6*time.Second || time.Since(rt.t0) != 6*time.Second {
			t.Errorf("restarted after %v and ended after %s", rt.at, time.Since(rt.t0))
		}
	})
	if err := (&chaos.Roll{Timeout: time.Second, Pause: time.Hour}).Check(); !errors.Is(err, chaos.ErrBadStep) {
		t.Errorf("a pause of an hour: %v, want ErrBadStep", err)
	}
}
