package chaos_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gauntlet/chaos"
	"gauntlet/chaos/chaostest"
)

// rig is a schedule on the fake cluster; what happened is written down as lines.
type rig struct {
	*chaostest.Fake
	t     *testing.T
	start time.Time
	all   []chaos.Window
}

// bubble runs a test in made-up time.
func bubble(t *testing.T, test func(t *testing.T, r *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		test(t, &rig{Fake: chaostest.NewFake(cluster()...), t: t, start: time.Now()})
	})
}

func (r *rig) run(ctx context.Context, steps ...chaos.Step) error {
	return chaos.Run(ctx, r, 7, r.start, steps, chaos.Options{Emit: r.emit})
}

func (r *rig) emit(w chaos.Window) { r.all = append(r.all, w) }

// lines are the windows as text: times since the start, in seconds.
func (r *rig) lines() []string {
	var out []string
	for _, w := range r.all {
		line := fmt.Sprintf("%d %s %s", w.Step, w.Fault, strings.Join(w.On, ","))
		for _, at := range []struct {
			name string
			t    time.Time
		}{{"began", w.Began}, {"healed", w.Healed}} {
			if !at.t.IsZero() {
				line += fmt.Sprintf(" %s %gs", at.name, at.t.Sub(r.start).Seconds())
			}
		}
		if w.Err != "" {
			line += " !"
		}
		out = append(out, line)
	}
	return out
}

func (r *rig) mustHappen(want ...string) {
	r.t.Helper()
	if got := r.lines(); !slices.Equal(got, want) {
		r.t.Errorf("windows:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// mustBe checks the states of the four containers that ran at first.
func (r *rig) mustRun() {
	r.t.Helper()
	for _, name := range []string{"db1", "db2", "db3", "web1"} {
		if _, err := r.Answer("id-" + name); err != nil {
			r.t.Error(err)
		}
	}
}

func step(at, length time.Duration, on chaos.Selector, f chaos.Fault) chaos.Step {
	return chaos.Step{At: at, For: length, On: on, Fault: f}
}

func service(name string) chaos.Selector { return chaos.Selector{Service: name} }

const sec = time.Second

func TestRunOverlapping(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		err := r.run(t.Context(),
			step(10*sec, 20*sec, chaos.Selector{Role: "postgres-primary"}, &chaos.Kill{}),
			step(15*sec, 5*sec, chaos.Selector{Role: "postgres-replica"}, &chaos.Pause{}),
			step(40*sec, 0, service("web1"), &chaos.Stop{Timeout: sec}))
		if err != nil {
			t.Fatal(err)
		}
		r.mustHappen("0 kill db1 began 10s", "1 pause db2,db3 began 15s", "1 pause db2,db3 began 15s healed 20s",
			"0 kill db1 began 10s healed 30s", "2 stop web1 began 40s", "2 stop web1 began 40s healed 40s")
		if want := []string{"postgres-replica", "postgres-sync-standby"}; !slices.Equal(r.all[1].Roles, want) {
			t.Errorf("roles = %v, want %v", r.all[1].Roles, want)
		}
		r.mustRun()
	})
}

func TestRunWithoutLengthLastsUntilTheEnd(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		steps := []chaos.Step{step(5*sec, 0, service("db1"), &chaos.Pause{}), step(10*sec, 10*sec, service("db2"), &chaos.Pause{})}
		if err := r.run(t.Context(), steps...); err != nil {
			t.Fatal(err)
		}
		r.mustHappen("0 pause db1 began 5s", "1 pause db2 began 10s", r.lines()[2], r.lines()[3])
		r.all, r.start = nil, time.Now()
		if err := chaos.Run(t.Context(), r, 7, r.start, steps[:1], chaos.Options{Emit: r.emit, End: 60 * sec}); err != nil {
			t.Fatal(err)
		}
		r.mustHappen("0 pause db1 began 5s", "0 pause db1 began 5s healed 60s")
	})
}

// TestRunBackToBack: a step that starts when another ends on the same target waits for the healing.
func TestRunBackToBack(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.Slow(string(chaos.VerbStart), 2*sec)
		err := r.run(t.Context(), step(0, 10*sec, service("db1"), &chaos.Kill{}), step(10*sec, 5*sec, service("db1"), &chaos.Pause{}))
		if err != nil {
			t.Fatal(err)
		}
		r.mustHappen("0 kill db1 began 0s", "0 kill db1 began 0s healed 12s", "1 pause db1 began 12s", "1 pause db1 began 12s healed 17s")
	})
}

// TestRunSparesDisturbed: what one step disturbs is no target of another, also if it runs again (crash).
func TestRunSparesDisturbed(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.Restarts("id-db1", sec)
		err := r.run(t.Context(), step(0, 30*sec, service("db1"), &chaos.Crash{}), step(10*sec, 5*sec, chaos.Selector{Tier: "db"}, &chaos.Pause{}))
		if err != nil {
			t.Fatal(err)
		}
		r.mustHappen("0 crash db1 began 0s", "1 pause db2,db3 began 10s", "1 pause db2,db3 began 10s healed 15s", "0 crash db1 began 0s healed 30s")
		if got, err := r.Answer("id-db1"); got != "life 2" {
			t.Errorf("db1 answers %q, %v; want its second life: the policy restarted it", got, err)
		}
	})
}

func TestRunCrashWithoutPolicyIsStarted(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		if err := r.run(t.Context(), step(0, 5*sec, service("db1"), &chaos.Crash{})); err != nil {
			t.Fatal(err)
		}
		r.mustRun()
	})
}

func TestRunCancelHealsAll(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.Slow(string(chaos.VerbStart), sec)
		ctx, cancel := context.WithTimeout(t.Context(), 12*sec)
		defer cancel()
		err := r.run(ctx, step(0, time.Hour, service("db1"), &chaos.Kill{}), step(10*sec, time.Hour, service("db2"), &chaos.Pause{}), step(20*sec, sec, service("db3"), &chaos.Pause{}))
		if !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, chaos.ErrStillDisturbed) {
			t.Errorf("Run = %v, want only %v", err, context.DeadlineExceeded)
		}
		if len(r.all) != 4 || r.all[2].Healed.Sub(r.start) != 13*sec || r.all[3].Healed.Sub(r.start) != 13*sec {
			t.Errorf("windows = %v, want two begun and both healed at 13s", r.lines())
		}
		r.mustRun()
	})
}

// TestRunCancelDuringInjection: an injection that was begun is finished, then undone.
func TestRunCancelDuringInjection(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.Slow(string(chaos.VerbPause), 5*sec)
		ctx, cancel := context.WithTimeout(t.Context(), 2*sec)
		defer cancel()
		if err := r.run(ctx, step(0, time.Hour, service("db1"), &chaos.Pause{})); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Run = %v, want %v", err, context.DeadlineExceeded)
		}
		r.mustHappen("0 pause db1 began 2.5s", "0 pause db1 began 2.5s healed 5s")
		r.mustRun()
	})
}

func TestRunNoTargetHealsTheOthers(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		err := r.run(t.Context(), step(0, time.Hour, service("db1"), &chaos.Kill{}), step(10*sec, sec, chaos.Selector{Role: "nobody"}, &chaos.Kill{}))
		if !errors.Is(err, chaos.ErrNoTarget) || !strings.Contains(err.Error(), "step 2 (kill)") {
			t.Errorf("Run = %v, want %v of step 2", err, chaos.ErrNoTarget)
		}
		r.mustHappen("0 kill db1 began 0s", "1 kill  !", "0 kill db1 began 0s healed 15.2s") // the role may be moving: 5 s are given to it
		r.mustRun()
	})
}

func TestRunPartOfInjectionFails(t *testing.T) {
	broken := errors.New("broken")
	for _, acts := range []bool{false, true} {
		bubble(t, func(t *testing.T, r *rig) {
			r.Fail(chaostest.Failure{Op: string(chaos.VerbPause), ID: "id-db2", Err: broken, Acts: acts})
			err := r.run(t.Context(), step(0, sec, chaos.Selector{Tier: "db"}, &chaos.Pause{}))
			if !errors.Is(err, broken) || errors.Is(err, chaos.ErrStillDisturbed) || !strings.Contains(err.Error(), "db2") {
				t.Errorf("Run = %v, want %v of db2 alone", err, broken)
			}
			r.mustHappen("0 pause db1,db2,db3 !")
			r.mustRun()
		})
	}
}

func TestRunUndoIsTriedAgain(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.Fail(chaostest.Failure{Op: string(chaos.VerbStart), Err: errors.New("busy"), Times: 2})
		if err := r.run(t.Context(), step(0, sec, service("db1"), &chaos.Pause{})); err != nil {
			t.Error(err)
		}
		r.mustRun()
	})
}

func TestRunUndoFails(t *testing.T) {
	broken := errors.New("broken")
	bubble(t, func(t *testing.T, r *rig) {
		dir := t.TempDir()
		j := mustOpen(t, dir)
		r.Fail(chaostest.Failure{Op: string(chaos.VerbStart), ID: "id-db1", Err: broken, Times: -1})
		err := chaos.Run(t.Context(), r, 7, r.start, []chaos.Step{step(0, sec, chaos.Selector{Tier: "db"}, &chaos.Pause{})}, chaos.Options{Emit: r.emit, Journal: j})
		if !errors.Is(err, chaos.ErrStillDisturbed) || !errors.Is(err, broken) {
			t.Errorf("Run = %v, want %v because of %v", err, chaos.ErrStillDisturbed, broken)
		}
		r.mustHappen("0 pause db1,db2,db3 began 0s", "0 pause db1,db2,db3 began 0s !")
		if open, _, err := j.Open(); len(open) != 1 || err != nil {
			t.Errorf("undo log has %d open entries, %v; want the one that failed", len(open), err)
		}
	})
}

func TestRunTargetRemovedIsHealedAndSaid(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		time.AfterFunc(5*sec, func() { r.Set("id-db1", chaos.Gone) })
		if err := r.run(t.Context(), step(0, 10*sec, service("db1"), &chaos.Kill{})); err != nil {
			t.Errorf("Run = %v, want nil: gone is healed", err)
		}
		r.mustHappen("0 kill db1 began 0s", "0 kill db1 began 0s healed 10s !")
		if got := r.all[1].Err; !strings.Contains(got, "db1 was removed") {
			t.Errorf("Err = %q, want it to say that db1 was removed", got)
		}
	})
}

func TestRunFaultEndedEarlyIsSaid(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		time.AfterFunc(5*sec, func() { r.Set("id-db1", chaos.Running) })
		if err := r.run(t.Context(), step(0, 10*sec, service("db1"), &chaos.Pause{})); err != nil {
			t.Fatal(err)
		}
		if got := r.all[1].Err; !strings.Contains(got, chaos.ErrEndedEarly.Error()) || !strings.Contains(got, "db1 is running") {
			t.Errorf("Err = %q, want %q and the state of db1", got, chaos.ErrEndedEarly)
		}
	})
}

func TestRunWithoutEvidenceHasNoBeginning(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.Blind()
		if err := r.run(t.Context(), step(0, sec, service("db1"), &chaos.Pause{})); err != nil {
			t.Fatal(err)
		}
		if w := r.all[1]; !w.Began.IsZero() || w.Proof != "" || w.Err == "" || w.Healed.IsZero() {
			t.Errorf("window = %+v, want no beginning, no proof, an error text, and healed", w)
		}
	})
}

func TestRunIsReproducible(t *testing.T) {
	draw := func(seed uint64) (out []string) {
		bubble(t, func(t *testing.T, r *rig) {
			var steps []chaos.Step
			for i := range 8 {
				steps = append(steps, step(time.Duration(i/2)*10*sec, 5*sec, chaos.Selector{Tier: "db", Pick: "one"}, &chaos.Pause{}))
			}
			if err := chaos.Run(t.Context(), r, seed, r.start, steps, chaos.Options{Emit: r.emit}); err != nil {
				t.Fatal(err)
			}
			for _, w := range r.all {
				out = append(out, fmt.Sprint(w.Step, w.On))
			}
			slices.Sort(out)
		})
		return out
	}
	first := draw(3)
	for range 5 {
		if got := draw(3); !slices.Equal(got, first) {
			t.Errorf("same seed drew %v, then %v", first, got)
		}
	}
	if slices.Equal(draw(4), first) {
		t.Error("another seed drew the same targets 8 times")
	}
}

func TestRunRefusesBadSteps(t *testing.T) {
	bad := []chaos.Step{
		{On: service("db1")},
		step(-sec, sec, service("db1"), &chaos.Kill{}),
		step(0, -sec, service("db1"), &chaos.Kill{}),
		step(0, sec, chaos.Selector{}, &chaos.Kill{}),
		step(0, sec, service("db1"), &chaos.Stop{Timeout: time.Hour}),
	}
	bubble(t, func(t *testing.T, r *rig) {
		for i, s := range bad {
			if err := r.run(t.Context(), step(0, sec, service("db2"), &chaos.Kill{}), s); err == nil || !strings.Contains(err.Error(), "step 2") {
				t.Errorf("bad step %d: Run = %v, want an error that names step 2", i, err)
			}
		}
		if calls := r.Calls(); len(calls) > 0 {
			t.Errorf("calls = %v, want none before all steps are checked", calls)
		}
	})
}

func TestWithRoles(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		asked := 0
		rt := chaos.WithRoles(r.Fake, func(context.Context) (map[string][]string, error) {
			asked++
			if asked > 1 {
				return nil, errors.New("nobody answers")
			}
			return map[string][]string{"db3": {"postgres-primary"}}, nil
		})
		steps := []chaos.Step{step(0, sec, chaos.Selector{Role: "postgres-primary"}, &chaos.Stop{Timeout: sec}), step(5*sec, sec, chaos.Selector{Role: "postgres-replica"}, &chaos.Kill{})}
		err := chaos.Run(t.Context(), rt, 7, r.start, steps, chaos.Options{Emit: r.emit})
		if err == nil || errors.Is(err, chaos.ErrNoTarget) || !strings.Contains(err.Error(), "live roles: nobody answers") {
			t.Errorf("Run = %v, want the failed look-up, not %v", err, chaos.ErrNoTarget)
		}
		r.mustHappen("0 stop db3 began 0s", "0 stop db3 began 0s healed 1s", "1 kill  !")
	})
}

func TestNewKnowsItsKinds(t *testing.T) {
	for _, k := range chaos.Kinds() {
		f, err := chaos.New(k.Name)
		if err != nil || f.Kind() != k.Name || k.Summary == "" || !strings.Contains(k.Example, "kind: "+k.Name) {
			t.Errorf("New(%q) = %v, %v; doc %+v", k.Name, f, err, k)
		}
		if k.Group == "" || k.Effect == "" || k.Undo == "" {
			t.Errorf("%s: its doc has holes: %+v", k.Name, k)
		}
	}
	if _, err := chaos.New("tornado"); !errors.Is(err, chaos.ErrUnknownKind) || !strings.Contains(err.Error(), "kill, crash, pause, stop") {
		t.Errorf("New(tornado) = %v, want %v and the list", err, chaos.ErrUnknownKind)
	}
}
