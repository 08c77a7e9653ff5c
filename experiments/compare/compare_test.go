package compare

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gauntlet/experiments/score"
)

func TestReportGoldens(t *testing.T) {
	r := compared(t, twoGroups())
	noise, err := AA(twoGroups()[0].Runs, 6, Options{Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	r.Noise = &noise
	for name, print := range map[string]func(io.Writer, Report) error{"two.txt": Text, "two.json": JSON, "two.md": Markdown, "two.html": HTML} {
		var b bytes.Buffer
		if err := print(&b, r); err != nil {
			t.Fatal(err)
		}
		golden(t, name, b.Bytes())
	}
}

func TestJSONCanBeReadBack(t *testing.T) {
	var b bytes.Buffer
	if err := JSON(&b, compared(t, twoGroups())); err != nil {
		t.Fatal(err)
	}
	var back Report
	if err := json.Unmarshal(b.Bytes(), &back); err != nil {
		t.Fatal(err)
	}
	if len(back.Groups) != 2 || len(back.Groups[0].Runs) != 10 || back.Pairs[0].Suite.Verdict == "" {
		t.Errorf("read back: %d groups", len(back.Groups))
	}
}

// What a recording says is escaped in every form, and the page's drawings are well-formed.
func TestNamesCanNotBreakTheForms(t *testing.T) {
	groups := twoGroups()
	const evil = "<script>alert(1)</script>|`*\x1b[31m\n# x"
	groups[1].Name = evil
	r := compared(t, groups)
	var text, md, page bytes.Buffer
	if err := errors.Join(Text(&text, r), Markdown(&md, r), HTML(&page, r)); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(text.String(), "\x1b") || strings.Contains(md.String(), "<script>") || strings.Contains(page.String(), "<script>") || strings.Contains(md.String(), "\n# x") {
		t.Error("a name got through")
	}
	for _, svg := range regexp.MustCompile(`(?s)<svg.*?</svg>`).FindAllString(page.String(), -1) {
		for d := xml.NewDecoder(strings.NewReader(svg)); ; {
			if _, err := d.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("%v in %s", err, svg)
			}
		}
	}
	if strings.Contains(page.String(), "http://") || strings.Contains(page.String(), "https://") {
		t.Error("the page needs the network")
	}
}

func TestALargeDifferenceIsShown(t *testing.T) {
	r := compared(t, twoGroups())
	if d := metricIn(t, r, "primary-kill", "write_outage"); d.Verdict != Worse || d.Shift.Value < 2 || d.Confidence < 0.95 {
		t.Errorf("%+v; want worse by about 3 s", d)
	}
	if d := metricIn(t, r, "primary-kill", "availability"); d.Verdict != Worse {
		t.Errorf("%+v; want worse, for more is better", d)
	}
	if d := metricIn(t, r, "primary-kill", "replication_lag"); d.Verdict != NotTested {
		t.Errorf("%+v; no goal is on the lag", d)
	}
	turned := compared(t, []Group{twoGroups()[1], twoGroups()[0]})
	if d := metricIn(t, turned, "primary-kill", "write_outage"); d.Verdict != Better {
		t.Errorf("%+v; want better", d)
	}
}

// A shift below the instrument's resolution is no difference, however sure.
func TestBelowTheResolutionNothingIsShown(t *testing.T) {
	a := Group{"a", outages("a", 0, 2, 3.000, 3.001, 3.002, 3.003, 3.004)}
	b := Group{"b", outages("b", 1, 2, 3.030, 3.031, 3.032, 3.033, 3.034)}
	d := metricIn(t, compared(t, []Group{a, b}), "primary-kill", "write_outage")
	if d.Verdict != NoDifference || !strings.Contains(d.Why, "resolution") || d.P > 0.01 {
		t.Errorf("%+v; want no difference because of the resolution", d)
	}
	r, err := Compare([]Group{{"a", outages("a", 0, 2, 3, 3, 3, 3, 3.1)}, {"b", outages("b", 1, 2, 3.4, 3.4, 3.4, 3.4, 3.5)}}, Options{Tolerance: 0.2})
	if err != nil {
		t.Fatal(err)
	}
	if d := metricIn(t, r, "primary-kill", "write_outage"); d.Verdict != NoDifference || !strings.Contains(d.Why, "tolerance") {
		t.Errorf("%+v; want no difference because of the tolerance", d)
	}
}

// With three runs nothing can be shown, and the report says how many could.
func TestTooFewRunsSayHowManyAreNeeded(t *testing.T) {
	r := compared(t, []Group{{"a", outages("a", 0, 2, 3, 3.2, 3.1)}, {"b", outages("b", 1, 2, 9, 9.2, 9.1)}})
	if d := metricIn(t, r, "primary-kill", "write_outage"); d.Verdict != NoDifference || d.Why != "too few runs" || d.Confidence != 0 {
		t.Errorf("%+v; want too few runs", d)
	}
	if w := r.Pairs[0].Experiments[0].Warnings; len(w) == 0 || !strings.Contains(w[0], "need >= 5 runs in each") {
		t.Errorf("warnings %v; want how many are needed", w)
	}
}

// A run that never came back has no value; to leave it out would flatter.
func TestAnUnknownValueStaysUnknown(t *testing.T) {
	b := Group{"b", outages("b", 1, 2, 3, 3, 3, 3, 3)}
	b.Runs[2].Measures[0].Known, b.Runs[2].Measures[0].Why = false, "never served again"
	d := metricIn(t, compared(t, []Group{{"a", outages("a", 0, 2, 3, 4, 5, 6, 7)}, b}), "primary-kill", "write_outage")
	if d.Verdict != Unknown || !strings.Contains(d.Why, "1 of 5") {
		t.Errorf("%+v; want unknown", d)
	}
}

func TestWhatIsNotComparableIsRefused(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(r *Run)
		want  string
	}{
		{"load", func(r *Run) { r.Setup.Rate = 100 }, "load: 200/s became 100/s"},
		{"mix", func(r *Run) { r.Setup.Ops = r.Setup.Ops[:1] }, "load: the mix"},
		{"less than declared", func(r *Run) { r.Setup.Planned = 9000 }, "load: 18000 planned requests became 9000"},
		{"seed policy", func(r *Run) { r.Seed = 8 }, "seed policy"},
		{"client", func(r *Run) { r.Setup.Client = "retries" }, "client model"},
		{"time-out", func(r *Run) { r.Setup.Timeout *= 30 }, "client model: the time-out"},
		{"schedule", func(r *Run) { r.Setup.Schedule = []string{"x"} }, "schedule"},
		{"generator", func(r *Run) { r.Behind, r.Void = 3, true }, "generator health"},
		{"evidence", func(r *Run) { r.Void, r.Why = true, []string{"the recording has no end"} }, "the recording has no end"},
		{"experiment", func(r *Run) { r.Experiment = "other" }, "no experiment in common"},
	} {
		b := Group{"b", outages("b", 1, 2, 3, 4, 5)}
		for i := range b.Runs {
			c.spoil(&b.Runs[i])
		}
		_, err := Compare([]Group{{"a", outages("a", 0, 2, 3, 4, 5)}, b}, Options{})
		var refused *Refusal
		if !errors.As(err, &refused) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want a refusal with %q", c.name, err, c.want)
		}
	}
}

func TestVoidRunsAreLeftOutOnlyWhenAsked(t *testing.T) {
	b := Group{"b", outages("b", 1, 2, 3, 4, 5)}
	b.Runs[1].Void = true
	kept, notes := WithoutVoid([]Group{{"a", outages("a", 0, 2, 3, 4, 5)}, b})
	if len(kept[1].Runs) != 2 || len(b.Runs) != 3 || len(notes) != 1 || !strings.Contains(notes[0], "1 of 3") {
		t.Errorf("%d runs kept of %d, %v", len(kept[1].Runs), len(b.Runs), notes)
	}
}

// An experiment that a group lacks counts as unknown: leaving out the worst one can't raise the score.
func TestFewerExperimentsDoNotRaiseTheScore(t *testing.T) {
	groups := twoGroups()
	names := experiments(groups...)
	for _, drop := range names {
		less := Group{"less", slices.DeleteFunc(slices.Clone(groups[1].Runs), func(r Run) bool { return r.Experiment == drop })}
		o := Options{Seed: 1}.withDefaults()
		full, cut := suite(groups[1], names, o), suite(less, names, o)
		if cut.Score.Lo > full.Score.Lo || cut.Score.Value > full.Score.Value || cut.Score.Hi < full.Score.Value {
			t.Errorf("without %s the score is %+v, with it %+v", drop, cut.Score, full.Score)
		}
	}
}

func TestRemarks(t *testing.T) {
	b := Group{"b", outages("b", 10, 1, 3, 4, 5)}
	for i := range b.Runs {
		b.Runs[i].Machine.CPUs, b.Runs[i].Machine.Gauntlet, b.Runs[i].Sync = 8, "v2", false
	}
	all := strings.Join(compared(t, []Group{{"a", outages("a", 0, 1, 3, 4, 5)}, b}).Warnings, "\n")
	for _, want := range []string{"2 machines", "different versions", "promises differ", "not interleaved"} {
		if !strings.Contains(all, want) {
			t.Errorf("no remark %q in\n%s", want, all)
		}
	}
}

// The same runs give the same bits, and their order in a group changes no number.
func TestSameRunsSameBits(t *testing.T) {
	bits := func(groups []Group) string {
		r := compared(t, groups)
		r.Groups = nil
		b, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	if a, b := bits(twoGroups()), bits(twoGroups()); a != b {
		t.Error("two comparisons of the same runs differ")
	}
}

// Whether the weights decide: one group that is better in every part wins under all weightings.
func TestOrderHoldsWhereOneIsBetterInEverything(t *testing.T) {
	s := compared(t, twoGroups()).Sensitivity
	if s == nil || s.Holds != 1 || s.Order[0] != "replicated" || s.Wins["replicated"] != 1 {
		t.Errorf("%+v; want replicated first in all weightings", s)
	}
	a, b := outages("a", 0, 2, 1, 1, 1), outages("b", 1, 2, 1, 1, 1)
	for i := range a {
		a[i].Parts = []Part{{"lost service", 35, 0.9}, {"data", 20, 0.5}}
		b[i].Parts = []Part{{"lost service", 35, 0.5}, {"data", 20, 0.9}}
		a[i].Score.Value, b[i].Score.Value = 75, 65
	}
	if s := compared(t, []Group{{"a", a}, {"b", b}}).Sensitivity; s.Holds < 0.4 || s.Holds > 0.6 {
		t.Errorf("holds in %.2f of the weightings, want about a half", s.Holds)
	}
}

// The power and the false alarms of the whole procedure on failover-like times.
func TestPowerAndFalseAlarms(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	const pairs = 200
	o := Options{Seed: 1, Resamples: 200}.withDefaults()
	count := func(shift float64) (shown, gated int) {
		for range pairs {
			a, b := outages("a", 0, 2, draws(rng, 5, 0)...), outages("a", 1, 2, draws(rng, 5, shift)...)
			p := pair(Group{"a", a}, Group{"b", b}, o)
			if p.count(Worse)+p.count(Better) > 0 || p.Suite.Verdict != NoDifference {
				shown++
			}
			if len(regressions(b, a, o)) > 0 {
				gated++
			}
		}
		return shown, gated
	}
	if shown, gated := count(0); shown > pairs*5/100 || gated > pairs*5/100 {
		t.Errorf("of %d pairs without a difference %d were shown and %d would fail a gate; want at most 5 %%", pairs, shown, gated)
	}
	if shown, gated := count(5); shown < pairs*50/100 || gated < pairs*50/100 {
		t.Errorf("of %d pairs 5 s apart only %d were shown and %d would fail a gate", pairs, shown, gated)
	}
}

func TestGroupsBy(t *testing.T) {
	groups := By("topology", slices.Concat(twoGroups()[0].Runs, twoGroups()[1].Runs))
	if len(groups) != 2 || groups[0].Name != "replicated" || len(groups[1].Runs) != 10 {
		t.Errorf("%d groups", len(groups))
	}
	if By("colour", nil) != nil {
		t.Error("grouped by colour")
	}
	if got := score.Grade(92, true); got != "C" {
		t.Errorf("a capped grade is %s", got)
	}
}
