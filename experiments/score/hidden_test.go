package score

import (
	"slices"
	"strings"
	"testing"
	"time"

	"gauntlet/loadgen"
)

const killOf = "steps kill postgres-primary 10 10\nfault on db1 roles postgres-primary began 17 healed 27\n"

// What void seconds may hide is within the intervals, as if the service had been out in all of them.
func TestVoidSecondsWidenTheIntervals(t *testing.T) {
	for name, c := range map[string]struct {
		bad              string
		outage, failover Interval
		felt             bool
	}{
		"none":                         {"bad write 17..20 fail\n", Interval{3, 2.9, 3.11}, Interval{3, 2.9, 3.11}, true},
		"right after the outage":       {"bad write 17..20 fail\nbad write 20..21 late\n", Interval{3, 2.9, 4.11}, Interval{3, 2.9, 4.11}, true},
		"a pause right after it":       {"bad write 17..20 fail\npause 20.1..20.2\n", Interval{3, 2.9, 4.11}, Interval{3, 2.9, 4.11}, true},
		"a pause within it":            {"bad write 17..20 fail\npause 18.1..18.2\n", Interval{3, 1.9, 3.11}, Interval{3, 2.9, 3.11}, true},
		"a pause soon after the fault": {"pause 18.1..18.9\n", Interval{0, 0, 1}, Interval{0, 0, 2.001}, true},
		"a pause before the fault":     {"pause 9..16\n", Interval{}, Interval{}, false},
		"less than a stable run later": {"bad write 17..20 fail\nbad write 21..22 late\n", Interval{3, 2.9, 5.11}, Interval{3, 2.9, 5.11}, true},
		"long after the outage":        {"bad write 17..20 fail\nbad write 40..41 late\n", Interval{3, 2.9, 3.11}, Interval{3, 2.9, 3.11}, true},
		"soon after the fault":         {"bad write 18..19 late\n", Interval{0, 0, 1}, Interval{0, 0, 2.001}, true},
		"two seconds apart":            {"bad write 18..19 late\nbad write 20..21 late\n", Interval{0, 0, 3}, Interval{0, 0, 4.001}, true},
		"far from the fault":           {"bad write 45..46 late\n", Interval{0, 0, 1}, Interval{}, false},
	} {
		card := parse(killOf + "goal write_outage at_most 30\n" + c.bad).card(t)
		if got := card.Goals[0].Value; !within(got, c.outage) {
			t.Errorf("%s: outage %+v, want about %+v", name, got, c.outage)
		}
		got := card.Faults[0].Failover
		if c.felt != (got != nil) || c.felt && !within(*got, c.failover) {
			t.Errorf("%s: failover %+v, want about %+v", name, got, c.failover)
		}
	}
}

// within says whether an interval is another, give or take the distance of two requests.
func within(got, want Interval) bool {
	near := func(a, b float64) bool { return max(a-b, b-a) < 0.11 }
	return near(got.Value, want.Value) && near(got.Lo, want.Lo) && near(got.Hi, want.Hi)
}

// A goal that only the hidden part could miss is undecided, one that even the worst case keeps is kept.
func TestGoalsAreDecidedByTheWorstCase(t *testing.T) {
	for _, c := range []struct {
		goal string
		want Verdict
	}{{"2.5", Fail}, {"3.5", Unknown}, {"4.5", Pass}} {
		card := parse(killOf + "goal write_outage at_most " + c.goal + "\nbad write 17..20 fail\nbad write 20..21 late\n").card(t)
		if card.Goals[0].Verdict != c.want {
			t.Errorf("at most %s: %s, want %s: %+v", c.goal, card.Goals[0].Verdict, c.want, card.Goals[0])
		}
	}
}

// If no 10 s after the heal are without a void second, nobody knows when the system was steady again.
func TestSteadyInVoidSecondsIsUnknown(t *testing.T) {
	late := "bad read 30..31 late\nbad read 37..38 late\nbad read 44..45 late\nbad read 51..52 late\n"
	doubt := func(c Card) bool {
		return slices.ContainsFunc(c.Why, func(why string) bool { return strings.Contains(why, "steady again") })
	}
	if c := parse(killOf + late).card(t); c.Verdict != Unknown || !doubt(c) {
		t.Errorf("%s, %v: want unknown, as nobody knows when it was steady again", c.Verdict, c.Why)
	}
	if c := parse(killOf + strings.SplitAfter(late, "\n")[0]).card(t); doubt(c) || c.Faults[0].After == nil || c.Faults[0].After.Hi < 3 || c.Faults[0].After.Lo != 0 {
		t.Errorf("%s, %v, steady again after %+v: want it known to lie between at once and 4 s", c.Verdict, c.Why, c.Faults[0].After)
	}
}

// Of several regions what may have been the longest outage counts, not only the longest that was seen.
func TestVoidSecondsOfTheOtherRegionCount(t *testing.T) {
	b := &book{span: span{from: time.Nanosecond, to: 10 * time.Second}}
	for due := time.Duration(0); due < b.span.to; due += 10 * time.Millisecond {
		seen := loadgen.Sample{Class: "read", Region: "a", Due: due, Sent: due, End: due, Code: 200, Out: loadgen.OK}
		if due >= 3*time.Second && due < 4*time.Second {
			seen.Out, seen.Code = loadgen.Fail, 503
		}
		late := loadgen.Sample{Class: "read", Region: "b", Due: due, Sent: due, End: due, Code: 200, Out: loadgen.OK}
		if due >= 5*time.Second && due < 8*time.Second {
			late.Sent, late.End = due+2*lagLimit, due+2*lagLimit
		}
		b.meter(seen, 100).add(seen, time.Second)
		b.meter(late, 100).add(late, time.Second)
	}
	got := Measure{Known: true}.ofClass("outage", "read", b).Value
	if !within(got, Interval{Value: 1, Lo: 0.98, Hi: 3}) {
		t.Errorf("outage %+v, want 1 s (1 s to 3 s)", got)
	}
}

// More than a tenth of the judged seconds in pauses, and nothing is concluded; a tenth, and it is.
func TestPausesOfTheMachineVoidARun(t *testing.T) {
	for pauses, want := range map[string]bool{"pause 40..43.9\n": false, "pause 40..44.9\n": true} {
		c := parse(killOf + pauses).card(t)
		if got := slices.ContainsFunc(c.Why, func(why string) bool { return strings.Contains(why, "paused") }); got != want {
			t.Errorf("%s: doubted %v because of %v, want %v", pauses, got, c.Why, want)
		}
	}
}
