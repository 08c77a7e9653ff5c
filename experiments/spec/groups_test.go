package spec

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"gauntlet/chaos"
)

// withSteps is a good experiment with other steps.
func withSteps(steps string) string {
	return good[:strings.Index(good, "  - {at")] + steps + good[strings.Index(good, "goals:"):]
}

// times are the steps as lines, such as "20s+5s kill".
func times(steps []chaos.Step) []string {
	var out []string
	for _, s := range steps {
		out = append(out, fmt.Sprintf("%s+%s %s", short(s.At), short(s.For), s.Fault.Kind()))
	}
	return out
}

func TestGroups(t *testing.T) {
	const web = "on: {tier: web, pick: one}"
	for _, c := range []struct {
		name, steps string
		want        []string
	}{
		{"sequence", `  - at: 10s
    sequence:
      - {for: 5s, ` + web + `, fault: {kind: pause}}
      - {for: 5s, after: 2s, ` + web + `, fault: {kind: crash}}
`, []string{"10s+5s pause", "17s+5s crash"}},
		{"parallel, twice", `  - at: 10s
    every: 20s
    times: 2
    parallel:
      - {for: 5s, ` + web + `, fault: {kind: pause}}
      - {for: 5s, after: 1s, fault: {kind: spike, factor: 3}}
`, []string{"10s+5s pause", "11s+5s spike", "30s+5s pause", "31s+5s spike"}},
		{"every", "  - {at: 10s, for: 1s, every: 3s, times: 3, " + web + ", fault: {kind: loss, share: 10%}}\n",
			[]string{"10s+1s loss", "13s+1s loss", "16s+1s loss"}},
	} {
		e, err := Parse("x.yaml", []byte(withSteps(c.steps)))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
		} else if got := times(e.Steps); !slices.Equal(got, c.want) {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

const monkey = `  - at: 10s
    for: 60s
    monkey: {kinds: [kill, {kind: delay, delay: 20ms}], on: {tier: web, pick: one}, every: 10s, each: 4s, keep_healthy: 1}
`

func TestMonkeyIsDrawnFromTheSeed(t *testing.T) {
	draw := func(seed string) []chaos.Step {
		e, err := Parse("x.yaml", []byte("seed: "+seed+"\n"+withSteps(monkey)))
		if err != nil {
			t.Fatal(err)
		}
		return e.Steps
	}
	first := draw("1")
	if !slices.Equal(times(first), times(draw("1"))) {
		t.Error("the same seed drew something else")
	}
	if slices.Equal(times(first), times(draw("2"))) {
		t.Error("another seed drew the same")
	}
	if len(first) != 6 {
		t.Fatalf("%d faults in 60 s, want one in each 10 s", len(first))
	}
	for i, s := range first {
		begin := 10*time.Second + time.Duration(i)*10*time.Second
		if s.At < begin || s.At+s.For > begin+10*time.Second || s.Guard.KeepHealthy != 1 {
			t.Errorf("fault %d at %s for %s, guard %+v; want it within the 10 s from %s", i, s.At, s.For, s.Guard, begin)
		}
	}
}

func TestErrorsOfGroups(t *testing.T) {
	for _, c := range []struct{ name, steps, want string }{
		{"empty", "  - {at: 10s, sequence: []}\n", "6:25: sequence has no steps; list the steps in it"},
		{"before the baseline", "  - {at: 1s, parallel: [{for: 1s, on: {tier: web}, fault: {kind: pause}}]}\n",
			"6:10: the step starts at 1s, before the baseline"},
		{"times alone", "  - {at: 10s, for: 1s, times: 2, on: {tier: web}, fault: {kind: pause}}\n", "6:31: times without every; say how far apart"},
		{"ramp of a kill", "  - {at: 10s, for: 2s, ramp: 1s, on: {tier: web}, fault: {kind: kill}}\n", "6:30: kill can't ramp: it is there or not; remove ramp"},
		{"spike on targets", "  - {at: 10s, for: 2s, on: {tier: web}, fault: {kind: spike, factor: 2}}\n", "6:28: spike has no targets; remove on"},
		{"monkey of nothing", "  - {at: 10s, for: 20s, monkey: {on: {tier: web}}}\n", "6:33: kinds is missing in monkey"},
		{"field missing", "  - {at: 10s, for: 2s, on: {tier: web}, fault: {kind: delay}}\n", "6:48: delay is missing in fault delay; add delay: in each direction"},
		{"ratio", "  - {at: 10s, for: 2s, on: {tier: web}, fault: {kind: loss, share: lots}}\n", `6:68: share: "lots" is not a ratio: write it like 0.3 or 30%`},
		{"peers", "  - {at: 10s, for: 2s, on: {tier: web}, fault: {kind: partition, with: {tier: weeb}}}\n", `6:79: unknown tier "weeb"; did you mean "web"?`},
	} {
		_, err := Parse("x.yaml", []byte(withSteps(c.steps)))
		if err == nil || !strings.HasPrefix(err.Error(), "x.yaml:"+c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: got  %v\nwant x.yaml:%s", c.name, err, c.want)
		}
	}
}

// The example of every kind is a step.
func TestExamplesOfAllKindsParse(t *testing.T) {
	for _, k := range chaos.Kinds() {
		_, err := Parse("x.yaml", []byte("phases: {baseline: 5s}\n"+strings.Replace(withSteps("  - "+k.Example+"\n"), "phases:", "x:", 1)))
		var rest []string
		if err != nil {
			for line := range strings.Lines(err.Error()) {
				// what other topologies have: redis, rabbitmq
				if !strings.Contains(line, "unknown key \"x\"") && !strings.Contains(line, "unknown role") && !strings.Contains(line, "unknown service") {
					rest = append(rest, line)
				}
			}
		}
		if len(rest) > 0 {
			t.Errorf("%s: %q", k.Name, rest)
		}
	}
}

func TestAbort(t *testing.T) {
	e, err := Parse("x.yaml", []byte(good+"abort:\n  - {metric: write_availability, over: 5s, below: 0.05}\n  - {metric: p99, above: 2s}\n"))
	if err != nil {
		t.Fatal(err)
	}
	if a := e.Aborts[0]; a.Metric != "availability" || a.Class != "write" || a.Over != 5*time.Second || *a.Below != 0.05 || a.Text != "write_availability below 0.05 over 5s" {
		t.Errorf("got %+v", a)
	}
	if a := e.Aborts[1]; *a.Above != 2 || a.Over != defaultOver {
		t.Errorf("got %+v", a)
	}
	for _, c := range []struct{ abort, want string }{
		{"{metric: lost_writes, above: 1}", `"lost_writes" can't abort a run`},
		{"{metric: p99}", "abort on p99 needs either below or above"},
		{"{metric: availability, below: 99%}", "write the ratio 0.99"},
	} {
		if _, err := Parse("x.yaml", []byte(good+"abort:\n  - "+c.abort+"\n")); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %s", c.abort, err, c.want)
		}
	}
}

func TestSpikesAreInTheSchedule(t *testing.T) {
	_, err := Parse("x.yaml", []byte(withSteps("  - {at: 5s, for: 5s, fault: {kind: spike, factor: 3}}\n  - {at: 8s, for: 4s, fault: {kind: spike, factor: 0}}\n")))
	if err == nil || !strings.Contains(err.Error(), "overlaps") {
		t.Errorf("got %v, want two spikes at once refused", err)
	}
	e, err := Parse("x.yaml", []byte(withSteps("  - {at: 5s, for: 5s, fault: {kind: spike, factor: 3}}\n  - {at: 12s, for: 1s, fault: {kind: spike, factor: 0}}\n")))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range e.Schedule().Shape.Stages {
		got = append(got, fmt.Sprintf("%s %g", short(s.For), s.From))
	}
	if want := []string{"7s 200", "5s 600", "2s 200", "1s 0", "10s 200"}; !slices.Equal(got, want) {
		t.Errorf("stages %q, want %q", got, want)
	}
}
