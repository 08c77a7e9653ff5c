package chaos_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"gauntlet/chaos"
)

func delay() *chaos.Delay { return &chaos.Delay{Delay: 20 * time.Millisecond} }

// betweenLooks is not a moment at which a step looks at its targets: which of the two came first would be chance.
const betweenLooks = 3*sec + 50*time.Millisecond

// lastWindow runs one step of 10 s while something else happens after 3 s, and returns how it
// ended.
func lastWindow(t *testing.T, r *rig, f chaos.Fault, after func()) chaos.Window {
	t.Helper()
	stop := time.AfterFunc(betweenLooks, after)
	defer stop.Stop()
	if err := r.run(t.Context(), step(0, 10*sec, service("db1"), f)); err != nil {
		t.Fatal(err)
	}
	return r.all[len(r.all)-1]
}

func TestFaultFollowsATargetThatRestarts(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		w := lastWindow(t, r, delay(), func() {
			r.Set("id-db1", chaos.Exited)
			time.AfterFunc(2*sec, func() { r.Set("id-db1", chaos.Running) })
			time.AfterFunc(4*sec, func() {
				if len(r.Rules("id-db1")) != 1 {
					t.Errorf("rules in the restarted db1: %v, want one", r.Rules("id-db1"))
				}
			})
		})
		if w.Err != "" || len(w.Notes) != 1 || !strings.HasPrefix(w.Notes[0], "re-applied to db1 2") {
			t.Errorf("window = %+v, want it re-applied 2 s after it was lost", w)
		}
		if len(r.Rules("id-db1")) != 0 {
			t.Errorf("rules after the heal: %v", r.Rules("id-db1"))
		}
	})
}

func TestFaultFollowsATargetThatIsMadeAgain(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		w := lastWindow(t, r, delay(), func() {
			target := chaos.Target{ID: "id-db1", Name: "db1"}
			if _, err := r.Do(context.Background(), target, "", chaos.Op{Verb: chaos.VerbRemove}); err != nil {
				t.Error(err)
			}
			if _, err := r.Do(context.Background(), target, "", chaos.Op{Verb: chaos.VerbCreate, Snapshot: "db1"}); err != nil {
				t.Error(err)
			}
		})
		if w.Err != "" || len(w.Notes) != 1 {
			t.Errorf("window = %+v, want it re-applied to the new container", w)
		}
	})
}

func TestAgentThatDiesEndsItsFault(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		w := lastWindow(t, r, delay(), func() { _, _ = r.Sweep(context.Background()) })
		if len(w.Notes) != 0 || !strings.Contains(w.Err, "fault ended early") || !strings.Contains(w.Err, "agent died") {
			t.Errorf("window = %+v, want it to say that the agent died", w)
		}
	})
}

func TestHealBesideALiveRunIsFinal(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		dir := t.TempDir()
		j := mustOpen(t, dir)
		steps := []chaos.Step{step(0, 10*sec, service("db1"), delay())}
		time.AfterFunc(betweenLooks, func() {
			other, err := chaos.PeekJournal(dir, project)
			if err != nil {
				t.Error(err)
				return
			}
			defer other.Close()
			if rep, err := chaos.HealAll(context.Background(), r, other); err != nil || !strings.Contains(strings.Join(rep.Undone, " "), "db1") {
				t.Errorf("HealAll = %v, %v", rep, err)
			}
			r.Set("id-db1", chaos.Exited) // and a restart must not bring the fault back
			r.Set("id-db1", chaos.Running)
		})
		if err := chaos.Run(t.Context(), r, 7, r.start, steps, chaos.Options{Emit: r.emit, Journal: j}); err != nil {
			t.Fatal(err)
		}
		if w := r.all[len(r.all)-1]; !strings.Contains(w.Err, "fault ended early") || len(w.Notes) != 0 {
			t.Errorf("window = %+v, want it ended early and not re-applied", w)
		}
	})
}

func TestRampGetsStronger(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		s := step(0, 10*sec, service("db1"), delay())
		s.Ramp = 5 * sec
		if err := r.run(t.Context(), s); err != nil {
			t.Fatal(err)
		}
		count := 0
		for _, call := range r.Calls() {
			if call == "net id-db1" {
				count++
			}
		}
		if count < 10 || count > 12 {
			t.Errorf("%d rules were applied in a ramp of 5 s, want one each half second", count)
		}
	})
}

func TestGuardsRefuse(t *testing.T) {
	for _, c := range []struct {
		name  string
		on    chaos.Selector
		guard chaos.Guard
		want  bool // refused
	}{
		{"last of its service", service("db1"), chaos.Guard{KeepHealthy: 1}, true},
		{"too many at once", chaos.Selector{Tier: "db"}, chaos.Guard{MaxShare: 0.3}, true},
		{"few enough", service("db1"), chaos.Guard{MaxShare: 0.5}, false},
	} {
		bubble(t, func(t *testing.T, r *rig) {
			s := step(0, sec, c.on, &chaos.Pause{})
			s.Guard = c.guard
			err := r.run(t.Context(), s)
			if refused := err != nil && strings.Contains(err.Error(), chaos.ErrGuard.Error()); refused != c.want {
				t.Errorf("%s: Run = %v, want it refused: %v", c.name, err, c.want)
			}
			r.mustRun()
		})
	}
}

func TestNetworkFaultsComposeAndLifeDoesNot(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		err := r.run(t.Context(),
			step(0, 10*sec, service("db1"), delay()),
			step(1*sec, 5*sec, service("db1"), &chaos.Loss{Share: 0.1}),
			step(2*sec, 3*sec, service("db1"), &chaos.Pause{}))
		if err != nil {
			t.Fatal(err)
		}
		r.mustHappen("0 delay db1 began 0s", "1 loss db1 began 1s", "2 pause db1 began 2s", "2 pause db1 began 2s healed 5s",
			"1 loss db1 began 1s healed 6s", "0 delay db1 began 0s healed 10s")
	})
	bubble(t, func(t *testing.T, r *rig) {
		err := r.run(t.Context(), step(0, 10*sec, service("db1"), &chaos.Pause{}), step(1*sec, 5*sec, service("db1"), &chaos.Kill{}))
		if err == nil || !strings.Contains(err.Error(), "no target") {
			t.Errorf("Run = %v, want no target: it is paused already", err)
		}
	})
}
