package main

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gauntlet/chaos"
	"gauntlet/chaos/chaostest"
	"gauntlet/compose"
)

// stepOf is the step that a command line of inject would carry out.
func stepOf(t *testing.T, line ...string) (chaos.Step, error) {
	t.Helper()
	var step chaos.Step
	cmd := injectInto(func(_ context.Context, _ injectFlags, s chaos.Step) error { step = s; return nil })
	cmd.SetArgs(line)
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	err := cmd.ExecuteContext(t.Context())
	return step, err
}

// words splits a command line at blanks, but not within double quotes.
func words(line string) []string {
	var out []string
	for i, part := range strings.Split(line, `"`) {
		if i%2 == 1 {
			out = append(out, part)
		} else {
			out = append(out, strings.Fields(part)...)
		}
	}
	return out
}

// Every kind's example can be typed as it is shown, and is a step that could run.
func TestExamplesOfInjectParse(t *testing.T) {
	for _, k := range chaos.Kinds() {
		f, err := chaos.New(k.Name)
		if err != nil {
			t.Fatal(err)
		}
		if !chaos.NeedsTarget(f) {
			continue
		}
		line := words(injectExample(k))
		step, err := stepOf(t, line[2:]...)
		if err != nil {
			t.Errorf("%s: %v", strings.Join(line, " "), err)
			continue
		}
		if step.Fault.Kind() != k.Name || step.For <= 0 || step.On.String() == "" {
			t.Errorf("%s: step %+v", strings.Join(line, " "), step)
		}
	}
}

// No field of a kind hides a flag that all kinds have.
func TestFieldsOfInjectHaveNamesOfTheirOwn(t *testing.T) {
	root := injectCommand()
	for _, c := range root.Commands() {
		f, err := chaos.New(c.Name())
		if err != nil {
			t.Fatal(err)
		}
		for _, field := range chaos.FieldsOf(f) {
			if root.PersistentFlags().Lookup(field.Name) != nil {
				t.Errorf("%s: field %s hides --%s of inject", c.Name(), field.Name, field.Name)
			}
		}
	}
}

func TestInjectRefusesBadInput(t *testing.T) {
	for _, c := range []struct {
		line string
		want []string
	}{
		{`paus --on db`, []string{"did you mean pause?", "partition"}},
		{`spike --on db`, []string{"load of a run"}},
		{`dely --delay 5ms --on db`, []string{"did you mean delay?"}},
		{``, []string{"name a kind"}},
		{`pause`, []string{"--on is missing", "role=postgres-primary"}},
		{`pause --on tir=web`, []string{`unknown key "tir"`, "tier"}},
		{`pause --on "exclude=web"`, []string{"names nobody"}},
		{`pause --on "service=db pick=some"`, []string{"pick", "minority"}},
		{`pause --on db --for 0s`, []string{"--for 0s"}},
		{`pause --on db --for 25h`, []string{"up to 24h"}},
		{`pause --on db --ramp 5s`, []string{"pause can't ramp"}},
		{`pause --on db --max-percent 101`, []string{"--max-percent 101"}},
		{`pause --on db --keep-healthy -1`, []string{"keep_healthy"}},
		{`delay --on db`, []string{"needs --delay", "100us to 1m"}},
		{`delay --on db --delay 5`, []string{"--delay", "500ms or 30s"}},
		{`delay --on db --delay 5ms --jiter 1ms`, []string{"--jiter", "--jitter", "--ports"}},
		{`delay --on db --delay 5ms --ports 80,x`, []string{`"x" is no port`}},
		{`loss --on db --share 2`, []string{"share"}},
		{`loss --for 0s`, []string{"--on is missing", "--for 0s", "needs --share"}},
		{`http --on web`, []string{"status, delay or abort"}},
	} {
		_, err := stepOf(t, words(c.line)...)
		if err == nil {
			t.Errorf("inject %s: no error, want %v", c.line, c.want)
			continue
		}
		for _, want := range c.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("inject %s: error %q, want %q in it", c.line, err, want)
			}
		}
	}
}

func TestInjectReadsGuardsListsAndSelectors(t *testing.T) {
	step, err := stepOf(t, words(`delay --on "tier=web pick=one" --delay 5ms --ports 80,443 --with "role=postgres-primary" --ramp 2s --for 10s --keep-healthy 1 --max-percent 50`)...)
	if err != nil {
		t.Fatal(err)
	}
	d := step.Fault.(*chaos.Delay)
	if d.Delay != 5*time.Millisecond || len(d.Ports) != 2 || d.With == nil || d.With.Role != "postgres-primary" {
		t.Errorf("fault = %+v", d)
	}
	if step.Guard != (chaos.Guard{KeepHealthy: 1, MaxShare: 0.5}) || step.Ramp != 2*time.Second || step.On.Pick != "one" {
		t.Errorf("step = %+v", step)
	}
}

// injected runs one step on a fake and returns what was said, and the exit code.
func injected(ctx context.Context, rt chaos.Runtime, step chaos.Step) (said string, code int, err error) {
	var out outcome
	err = chaos.Run(ctx, rt, 1, time.Now(), []chaos.Step{step}, chaos.Options{Emit: func(w chaos.Window) {
		out.see(w, func(line string) { said += line + "\n" })
	}})
	out.end(err)
	err = out.verdict(ctx, err)
	return said, exitCode(ctx, err), err
}

func TestInjectSaysWhatHappenedAndExitsWithIt(t *testing.T) {
	pause := chaos.Step{For: 3 * time.Second, On: chaos.Selector{Service: "db1"}, Fault: &chaos.Pause{}}
	for _, c := range []struct {
		name    string
		prepare func(rt *chaostest.Fake)
		step    chaos.Step
		code    int
		said    []string
		err     string
	}{
		{"healed", nil, pause, exitPass, []string{"db1: pause; undo: start", "pause: t0 ", "db1 is paused", "healed after 3.0 s"}, ""},
		{"no effect was seen", func(rt *chaostest.Fake) { rt.Blind() }, pause, exitUnknown, []string{"undone, though no effect was seen"}, "no effect was seen"},
		{"ended early", func(rt *chaostest.Fake) { rt.Fail(chaostest.Failure{Op: chaostest.OpCheck, Err: chaos.ErrEndedEarly}) }, pause, exitUnknown,
			[]string{"healed after"}, "ended early"},
		{"no target", nil, chaos.Step{For: time.Second, On: chaos.Selector{Service: "db9"}, Fault: &chaos.Pause{}}, exitCannot, nil, "db1, db2"},
		{"still disturbed", func(rt *chaostest.Fake) {
			rt.Fail(chaostest.Failure{Op: string(chaos.VerbStart), Err: errors.New("engine is gone"), Times: -1})
		}, pause, exitCannot, []string{"t0"}, "gauntlet heal"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				rt := shop()
				if c.prepare != nil {
					c.prepare(rt)
				}
				said, code, err := injected(t.Context(), rt, c.step)
				if code != c.code {
					t.Errorf("exit code %d (%v), want %d", code, err, c.code)
				}
				if c.err == "" && err != nil || c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)) {
					t.Errorf("error %v, want %q", err, c.err)
				}
				for _, want := range c.said {
					if !strings.Contains(said, want) {
						t.Errorf("said:\n%swant %q", said, want)
					}
				}
			})
		})
	}
}

func TestInterruptedInjectionIsHealed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := shop()
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(errInterrupted) })
		said, code, err := injected(ctx, rt, chaos.Step{For: time.Hour, On: chaos.Selector{Service: "db1"}, Fault: &chaos.Pause{}})
		if code != exitInterrupted || err.Error() != "" || !strings.Contains(said, "healed after 1.0 s") {
			t.Errorf("exit code %d, error %q, said:\n%s", code, err, said)
		}
		if _, err := rt.Answer("id-db1"); err != nil {
			t.Error(err)
		}
	})
}

// What was seen of several targets is said once.
func TestProofsAreSaidOnce(t *testing.T) {
	if got, want := eachOnce("a; b; a; a"), "a; b"; got != want {
		t.Errorf("eachOnce = %q, want %q", got, want)
	}
}

func TestDisturbedNowNamesFaultsAndWhoIsGone(t *testing.T) {
	const nobody = 1 << 30 // no PID is so high
	entry := func(kind string, pid int, verb chaos.Verb, names ...string) chaos.Intent {
		in := chaos.Intent{Kind: kind, At: time.Now().Add(-90 * time.Second), Process: pid}
		for _, n := range names {
			in.Actions = append(in.Actions, chaos.Action{Target: chaos.Target{Name: n}, Do: chaos.Op{Verb: verb}})
		}
		return in
	}
	on := []compose.Container{{Name: "db", State: "running"}, {Name: "web-1", State: "paused"}, {Name: "web-2", State: "running"}}
	agents := []compose.Helper{{Role: "agent", Target: "web-2", Running: true}}
	got := disturbedNow([]chaos.Intent{
		entry("delay", os.Getpid(), chaos.VerbNet, "db", "web-2"),
		entry("loss", nobody, chaos.VerbNet, "db", "web-2"),
		entry("pause", nobody, chaos.VerbPause, "web-1", "web-2"),
	}, on, agents)
	for name, want := range map[string][]string{
		"db":    {"delay for 1m30s; ", "loss has ended"},
		"web-1": {"pause for 1m30s, left behind: gauntlet heal"},
		"web-2": {"delay for 1m30s; ", "loss for 1m30s, left behind", "pause has ended"},
	} {
		for _, w := range want {
			if !strings.Contains(got[name], w) && os.Geteuid() == 0 {
				t.Errorf("%s is %q, want %q in it", name, got[name], w)
			}
		}
	}
}

func TestListOfKinds(t *testing.T) {
	var b strings.Builder
	if err := listKinds(&b, []string{"delay", "kill"}, false); err != nil {
		t.Fatal(err)
	}
	golden(t, "list-kinds.txt", b.String())
	if err := listKinds(&b, []string{"dellay", "kil"}, false); err == nil || !strings.Contains(err.Error(), "did you mean delay?") || !strings.Contains(err.Error(), "did you mean kill?") {
		t.Errorf("error %v, want both kinds that were meant", err)
	}
}

// Without an engine the verbs that need no topology say so, and how to mend that.
func TestInjectHealAndPsWithoutDocker(t *testing.T) {
	for _, args := range [][]string{{"inject", "pause", "--on", "db"}, {"heal"}, {"heal", "--project", "shop"}, {"ps"}} {
		inv := gauntlet(t, t.TempDir(), args...)
		inv.Env = append(inv.Env, "DOCKER_HOST=tcp://127.0.0.1:1")
		if code := inv.run(t); code != exitCannot {
			t.Errorf("%v: exit code %d, want %d", args, code, exitCannot)
		}
		for _, want := range []string{"not ready", "DOCKER_HOST"} {
			if !strings.Contains(inv.stderr.String(), want) {
				t.Errorf("%v: stderr lacks %q:\n%s", args, want, inv.stderr.String())
			}
		}
	}
}
