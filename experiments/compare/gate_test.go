package compare

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"gauntlet/experiments/score"
)

// void makes runs tell nothing.
func void(runs ...Run) []Run {
	out := slices.Clone(runs)
	for i := range out {
		out[i].Void, out[i].Why, out[i].Verdict = true, []string{"a stall of the machine"}, score.Unknown
	}
	return out
}

func base(seconds ...float64) []Run { return outages("replicated", 0, 1, seconds...) }

func trial(seconds ...float64) []Run { return outages("replicated", 500, 1, seconds...) }

func losing() Run { return sketch{"primary-kill", "replicated", 3, 2, 0.1, 600}.run() }

// steady is a baseline of five runs.
var steady = []float64{3, 3.2, 2.9, 3.1, 3.3}

// Each row is what the gate says after so many runs; the sequence before it was undecided.
func TestGateStopsWhenItKnows(t *testing.T) {
	for _, c := range []struct {
		name     string
		baseline []Run
		runs     []Run
		done     bool
		want     score.Verdict
		says     string
	}{
		{"one run far below the limit is enough", base(steady...), trial(3.1), true, score.Pass, "no metric is worse"},
		{"so it is without a baseline", nil, trial(3.1), true, score.Pass, ""},
		{"one run above half of the limit is not", nil, trial(6), false, score.Unknown, ""},
		{"nor is one that is much worse than the baseline", base(steady...), trial(4.9), false, score.Unknown, ""},
		{"two good runs are not", nil, trial(6, 6), false, score.Unknown, ""},
		{"three good runs are", nil, trial(6, 6, 6), true, score.Pass, "held in 3 of 3"},
		{"one miss of three is forgiven", nil, trial(6, 11, 6), true, score.Pass, "held in 2 of 3 runs, missed in 1"},
		{"two misses are not", nil, trial(6, 11, 12), true, score.Fail, "missed in 2"},
		{"two misses at once are not", nil, trial(11, 12), true, score.Fail, "missed in 2"},
		{"one miss is not the end", nil, trial(11), false, score.Unknown, ""},
		{"three runs worse than the baseline ask for more", base(steady...), trial(4.9, 4.8, 5.1), false, score.Unknown, ""},
		{"five such runs fail", base(steady...), trial(4.9, 4.8, 5.1, 4.7, 5), true, score.Fail, "write_outage against the baseline"},
		{"five that are worse by less than the margin pass", base(steady...), trial(3.4, 3.5, 3.4, 3.6, 3.5), true, score.Pass, ""},
		{"five that only vary pass", base(2, 6, 3, 5, 4), trial(6, 3, 7, 3, 5), true, score.Pass, ""},
		{"a lost write fails at once", base(steady...), []Run{losing()}, true, score.Fail, "lost_writes"},
		{"a lost write fails in any run", nil, append(trial(6, 6), losing()), true, score.Fail, "lost_writes"},
		{"a run that tells nothing is made again", base(steady...), void(trial(3)...), false, score.Unknown, ""},
		{"and then counts no more", base(steady...), append(void(trial(3)...), trial(3.1)...), true, score.Pass, ""},
		{"three that tell nothing end it", base(steady...), void(trial(3, 3, 3)...), true, score.Unknown, "stall"},
	} {
		d := Gate(goals(), c.baseline, c.runs)
		if d.Done != c.done || d.Verdict != c.want {
			t.Errorf("%s: done %v, %s (%+v); want done %v, %s", c.name, d.Done, d.Verdict, d.Checks, c.done, c.want)
		}
		text := ""
		for _, k := range d.Checks {
			text += k.Name + ": " + k.Text + "\n"
		}
		if !strings.Contains(text, c.says) {
			t.Errorf("%s: says\n%s\nwant %q", c.name, text, c.says)
		}
	}
}

// What a gate can't compare with it does not compare with, and says so.
func TestGateWithABaselineThatDoesNotFit(t *testing.T) {
	load := base(steady...)
	for i := range load {
		load[i].Setup.Rate = 100
	}
	if d := Gate(goals(), load, trial(3)); !d.Done || d.Verdict != score.Unknown || !strings.Contains(strings.Join(d.Why, ""), "record it anew") {
		t.Errorf("another load: %+v; want unknown", d)
	}
	machine := base(steady...)
	for i := range machine {
		machine[i].Machine.CPUs = 64
	}
	slow := trial(4.9, 4.8, 5.1, 4.7, 5)
	for name, b := range map[string][]Run{"another machine": machine, "need >= 5": base(3, 3, 3), "no run of": outages("other", 0, 1, steady...)} {
		if d := Gate(goals(), b, slow); !d.Done || d.Verdict != score.Pass || !strings.Contains(strings.Join(d.Why, ""), "absolute limits only") || !strings.Contains(strings.Join(d.Why, ""), name) {
			t.Errorf("%s: %+v; want a pass by absolute limits", name, d)
		}
	}
}

// A fault that is not proven healed fails, though every goal holds; so does a lost write in a run that tells nothing else.
func TestGateFailsWhatFailedWithoutAGoal(t *testing.T) {
	run := trial(3)
	run[0].Verdict, run[0].Why = score.Fail, []string{"not proven healed"}
	if d := Gate(goals(), nil, run); !d.Done || d.Verdict != score.Fail {
		t.Errorf("%+v; want a failure", d)
	}
	lost := losing()
	lost.Void = true
	if d := Gate(goals(), nil, []Run{lost}); !d.Done || d.Verdict != score.Fail {
		t.Errorf("%+v; want a failure", d)
	}
}

// Every sequence comes to an end after 5 judged runs and 2 void ones.
func TestGateEnds(t *testing.T) {
	for _, times := range [][]float64{{6, 11, 6, 11, 6}, {4.9, 4.9, 4.9, 4.9, 4.9}, {9.99, 9.97, 9.99, 9.98, 9.99}} {
		for n := 1; ; n++ {
			if d := Gate(goals(), base(steady...), trial(times[:min(n, 5)]...)); d.Done {
				break
			} else if n > 5 {
				t.Fatalf("undecided after %d runs of %v: %+v", n, times, d)
			}
		}
	}
}

func TestBaselineFile(t *testing.T) {
	var b bytes.Buffer
	if err := Save(&b, base(steady...)); err != nil {
		t.Fatal(err)
	}
	text := b.String()
	runs, err := Load(strings.NewReader(text))
	if err != nil || len(runs) != 5 {
		t.Fatalf("%d runs, %v", len(runs), err)
	}
	if d := Gate(goals(), runs, trial(4.9, 4.8, 5.1, 4.7, 5)); d.Verdict != score.Fail {
		t.Errorf("the baseline that was read back lets a regression through: %+v", d)
	}
	for _, bad := range []string{"", "{}", `{"format":9}`, strings.Replace(text, score.Formula, "R0", 1), `{"format":1,"formula":"` + score.Formula + `","runs":[]}`} {
		if _, err := Load(strings.NewReader(bad)); !errors.Is(err, ErrBaseline) {
			t.Errorf("%.30q: %v, want ErrBaseline", bad, err)
		}
	}
}
