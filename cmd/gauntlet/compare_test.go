package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gauntlet/compose"
	"gauntlet/experiments/compare"
	"gauntlet/experiments/history"
	"gauntlet/experiments/probe"
	"gauntlet/experiments/score"
	"gauntlet/experiments/spec"
	"gauntlet/loadgen"
)

const writesBack = `claim: writes are back soon
topology: replicated
load: {workload: reference}
phases: {warm: 1s, baseline: 5s, recovery: 20s}
steps:
  - {at: 5s, for: 15s, on: {role: postgres-primary}, fault: {kind: kill}}
goals:
  - {metric: write_outage, at_most: 10s}
  - {metric: availability, at_least: 0.5}
  - {metric: lost_writes, at_most: 0}
`

// tape is a made-up recording: writes fail for so long after the primary is killed.
type tape struct {
	topology string
	number   int // of the run; they are 2 minutes apart
	outage   time.Duration
	lose     bool // an acknowledged write
	behind   bool // the load generator was, for a second
	rate     float64
}

// write makes the recording in the folder and returns where.
func (p tape) write(t *testing.T, dir string) string {
	t.Helper()
	e, err := spec.Parse("writes-back.yaml", []byte(writesBack))
	if err != nil {
		t.Fatal(err)
	}
	const warm, began = time.Second, 7 * time.Second
	h := history.Header{
		Version: history.Version, Experiment: e.Name, Topology: p.topology, Source: writesBack, Timeout: time.Second, Limit: time.Second / 2, Rate: 40 + p.rate, Sync: true,
		Origin: time.Date(2026, 1, 2, 0, 2*p.number, 0, 0, time.UTC), Roles: []string{"postgres-primary", "postgres-replica"}, Replicas: []string{"db1", "db2"},
		Ops: []history.OpInfo{{Name: "create", Class: "write", Rate: 20, Ledger: true}, {Name: "feed", Class: "read", Rate: 20}}, Client: "open loop",
	}
	dir = filepath.Join(dir, e.Name, p.topology, h.Origin.Format("20060102T150405Z"))
	w, err := history.Create(dir, h)
	if err != nil {
		t.Fatal(err)
	}
	end := warm + e.Length()
	for _, ph := range []history.PhaseStart{{Name: "warm", At: warm}, {Name: "baseline", At: 2 * time.Second}, {Name: "fault", At: began}, {Name: "recovery", At: 22 * time.Second}, {Name: "readback", At: end}} {
		w.Phase(ph)
	}
	w.Fault(history.Fault{Kind: "kill", On: []string{"db1"}, Roles: []string{"postgres-primary"}, Asked: began, Began: began + 10*time.Millisecond, Uncertainty: time.Millisecond,
		HealAsked: 22 * time.Second, Healed: 22*time.Second + 100*time.Millisecond, Proof: "process gone"})
	w.Change(probe.Change{What: probe.Role, Target: "db1", From: "?", To: "primary", At: warm})
	present, n := p.load(w, warm, end, began)
	for at := warm; at < end; at += time.Second {
		w.Point(probe.Point{Metric: probe.Coverage, Target: "role db2", At: at, Value: 1})
		w.Point(probe.Point{Metric: probe.ReplicationLag, Target: "db2", At: at, Value: 0.1})
	}
	w.Read(history.ReadBack{Node: "db2", Role: "primary", At: end, Present: present, CaughtUp: true})
	w.Read(history.ReadBack{Node: "db1", Role: "replica", At: end, Present: present, CaughtUp: true})
	if err := w.Close(history.End{At: end + time.Second, Planned: map[string]uint64{"create": n, "feed": n}}); err != nil {
		t.Fatal(err)
	}
	return dir
}

func (p tape) load(w *history.Writer, from, to, began time.Duration) (present []history.Range, n uint64) {
	for due := from; due < to; due += 50 * time.Millisecond {
		n++
		s := loadgen.Sample{Op: "create", Class: "write", Due: due, Sent: due, End: due + 4*time.Millisecond, Code: 200, Out: loadgen.OK, ID: n}
		switch {
		case due >= began && due < began+p.outage:
			s.Out, s.Code = loadgen.Fail, 503
		case !p.lose || n != 50:
			present = append(present, history.Range{n, n})
		}
		if p.behind && due >= 30*time.Second && due < 31*time.Second {
			s.Sent = due + 90*time.Millisecond
			s.End = s.Sent + time.Millisecond
		}
		w.Sample(s)
		w.Sample(loadgen.Sample{Op: "feed", Class: "read", Due: due + 25*time.Millisecond, Sent: due + 25*time.Millisecond, End: due + 28*time.Millisecond, Code: 200, Out: loadgen.OK})
	}
	return present, n
}

// two topologies in five runs each, interleaved; the second takes twice as long.
func twoTopologies(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for i := range 5 {
		tape{topology: "replicated", number: 2 * i, outage: time.Duration(3000+100*i) * time.Millisecond}.write(t, dir)
		tape{topology: "replicated-async", number: 2*i + 1, outage: time.Duration(6000+100*i) * time.Millisecond}.write(t, dir)
	}
	return dir
}

// wants runs Gauntlet and looks for words in what it prints.
func wants(t *testing.T, code int, words []string, args ...string) *invocation {
	t.Helper()
	inv := gauntlet(t, t.TempDir(), args...)
	if got := inv.run(t); got != code {
		t.Errorf("%v: exit code %d, want %d", args, got, code)
	}
	for _, w := range words {
		if !strings.Contains(inv.stdout.String()+inv.stderr.String(), w) {
			t.Errorf("%v: no %q", args, w)
		}
	}
	return inv
}

func TestCompareRecordings(t *testing.T) {
	dir := twoTopologies(t)
	page, save := filepath.Join(t.TempDir(), "page.html"), filepath.Join(t.TempDir(), "baseline.json")
	wants(t, exitPass, []string{"replicated-async against replicated", "write_outage", "worse", "containers", "random weightings"}, "compare", dir)
	wants(t, exitPass, nil, "compare", dir, "--format", "html", "--output", page, "--save", save)
	wants(t, exitPass, []string{"| write\\_outage |"}, "compare", dir, "--format", "markdown")
	wants(t, exitPass, []string{"5 pairs of 2 + 2 runs", "false alarms"}, "compare", filepath.Join(dir, "writes-back", "replicated"), "--aa", "5")
	a, b := filepath.Join(dir, "writes-back", "replicated"), filepath.Join(dir, "writes-back", "replicated-async")
	wants(t, exitPass, []string{b + " against " + a}, "compare", a, b, "--group", "argument")
	inv := wants(t, exitPass, nil, "compare", dir, "--format", "json")
	var r compare.Report
	if err := json.Unmarshal(inv.stdout.Bytes(), &r); err != nil || len(r.Groups) != 2 || len(r.Groups[0].Runs) != 5 {
		t.Errorf("%d groups, %v", len(r.Groups), err)
	}
	if text, err := os.ReadFile(page); err != nil || !strings.Contains(string(text), "<svg") {
		t.Errorf("page: %v", err)
	}
	if runs, err := readBaseline(save); err != nil || len(runs) != 10 {
		t.Errorf("%d runs in the baseline, %v", len(runs), err)
	}
	if runs, err := readBaseline(dir); err != nil || len(runs) != 10 {
		t.Errorf("%d runs in the folder, %v", len(runs), err)
	}
}

func TestCompareRefuses(t *testing.T) {
	dir := twoTopologies(t)
	tape{topology: "replicated-async", number: 20, behind: true, outage: 6 * time.Second}.write(t, dir)
	wants(t, exitUnknown, []string{"generator health", "run it again"}, "compare", dir)
	wants(t, exitPass, []string{"1 of 6 runs were left out"}, "compare", dir, "--without-void")
	behind := t.TempDir()
	tape{topology: "replicated-stale", behind: true}.write(t, behind)
	wants(t, exitUnknown, []string{"a group has no run left", "1 of 1 runs"}, "compare", dir, behind, "--without-void")
	other := t.TempDir()
	tape{topology: "replicated", rate: 10}.write(t, other)
	wants(t, exitUnknown, []string{"load: 40/s became 50/s"}, "compare", filepath.Join(dir, "writes-back", "replicated"), other, "--group", "argument")
	wants(t, exitCannot, []string{"no recording"}, "compare", t.TempDir())
	wants(t, exitCannot, []string{"--format pdf", "--group colour", "--runs 0", "--aa -1", "--tolerance 2"},
		"compare", dir, "--format", "pdf", "--group", "colour", "--runs", "0", "--aa=-1", "--tolerance", "2")
}

func TestWhatIfAndISO(t *testing.T) {
	dir := tape{topology: "replicated", outage: 4 * time.Second}.write(t, t.TempDir())
	wants(t, exitPass, []string{"WHAT IF  kill failover=400ms", "this did not happen"}, "score", dir, "--what-if", "kill failover=400ms")
	wants(t, exitPass, []string{`"what_if"`}, "score", dir, "--json", "--what-if", "lost_writes=0")
	wants(t, exitCannot, []string{"such as 'kill failover=2s'"}, "score", dir, "--what-if", "speed=3")
	wants(t, exitPass, []string{"ISO/IEC 25045", "recovery initiation", "resiliency"}, "score", dir, "--iso")
}

// played makes a runner that plays tapes in a row, as if each were a run.
func played(t *testing.T, tapes ...tape) runner {
	dir, next := t.TempDir(), 0
	return func(_ context.Context, _ *compose.Engine, e spec.Experiment, _ runFlags, n int) (finished, error) {
		if next == len(tapes) {
			return finished{}, errors.New("one run too many")
		}
		p := tapes[next]
		p.number, p.topology = 100+next, e.Topology
		next++
		at := p.write(t, dir)
		rec, err := open(at)
		if err != nil {
			return finished{}, err
		}
		return finished{rec, at}, verdictError(rec.card.Verdict)
	}
}

// gated runs a gate over tapes against a baseline of five runs of 3.0 to 3.4 s and returns its exit code and files.
func gated(t *testing.T, tapes ...tape) (code int, junit, summary string) {
	t.Helper()
	dir := t.TempDir()
	for i := range 5 {
		tape{topology: "replicated", number: i, outage: time.Duration(3000+100*i) * time.Millisecond}.write(t, filepath.Join(dir, "base"))
	}
	f := runFlags{repeat: 1, jobFlags: jobFlags{baseline: filepath.Join(dir, "base"), junit: filepath.Join(dir, "junit.xml"), summary: filepath.Join(dir, "summary.md")}}
	j, err := f.begin()
	if err != nil {
		t.Fatal(err)
	}
	j.make = played(t, tapes...)
	e, err := spec.Parse("writes-back.yaml", []byte(writesBack))
	if err != nil {
		t.Fatal(err)
	}
	err = j.end(j.experiment(t.Context(), nil, e))
	if want := len(tapes); len(j.results) != want {
		t.Errorf("%d runs, want %d: %v", len(j.results), want, err)
	}
	a, err1 := os.ReadFile(f.junit)
	b, err2 := os.ReadFile(f.summary)
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	return exitCode(t.Context(), err), string(a), string(b)
}

func TestGateRunsUntilItKnows(t *testing.T) {
	slow := func(n int) (out []tape) {
		for i := range n {
			out = append(out, tape{outage: time.Duration(4700+100*i) * time.Millisecond})
		}
		return out
	}
	for _, c := range []struct {
		name  string
		tapes []tape
		code  int
		says  string
	}{
		{"one good run", []tape{{outage: 3100 * time.Millisecond}}, exitPass, "gate pass"},
		{"a lost write", []tape{{outage: 3100 * time.Millisecond, lose: true}}, exitFail, "lost\\_writes"},
		{"a regression", slow(5), exitFail, "against the baseline"},
		{"a generator that was behind, and then a good run", []tape{{behind: true}, {outage: 3100 * time.Millisecond}}, exitPass, "gate pass"},
		{"a generator that was behind three times", []tape{{behind: true}, {behind: true}, {behind: true}}, exitUnknown, "gate unknown"},
	} {
		code, junit, summary := gated(t, c.tapes...)
		if code != c.code || !strings.Contains(summary, c.says) || !strings.Contains(junit, "<testsuite name=\"gate: writes-back on replicated\"") {
			t.Errorf("%s: exit code %d, want %d and %q in\n%s\n%s", c.name, code, c.code, c.says, summary, junit)
		}
	}
}

// The runs of several topologies take turns, there and back.
func TestRunsAreInterleaved(t *testing.T) {
	var order []string
	play := played(t, make([]tape, 12)...)
	f := compareFlags{runs: 4, make: func(ctx context.Context, eng *compose.Engine, e spec.Experiment, r runFlags, n int) (finished, error) {
		order = append(order, e.Topology)
		return play(ctx, eng, e, r, n)
	}}
	e, err := spec.Parse("writes-back.yaml", []byte(writesBack))
	if err != nil {
		t.Fatal(err)
	}
	async, err := e.WithTopology("replicated-async")
	if err != nil {
		t.Fatal(err)
	}
	groups := []compare.Group{{Name: "replicated"}, {Name: "replicated-async"}}
	notes, err := f.interleave(t.Context(), nil, [][]spec.Experiment{{e}, {async}}, groups)
	if err != nil || len(notes) > 0 {
		t.Fatal(err, notes)
	}
	if got, want := strings.Join(order, " "), "replicated replicated-async replicated-async replicated replicated replicated-async replicated-async replicated"; got != want {
		t.Errorf("order %s, want %s", got, want)
	}
	if len(groups[0].Runs) != 4 || len(groups[1].Runs) != 4 {
		t.Errorf("%d and %d runs", len(groups[0].Runs), len(groups[1].Runs))
	}
	if r, err := compare.Compare(groups, compare.Options{}); err != nil || fmt.Sprint(r.Warnings) != "[]" {
		t.Errorf("%v, warnings %v; want none of runs that were interleaved", err, r.Warnings)
	}
}

// Bad flags of a gate are refused before anything runs.
func TestBaselineFlagsAreChecked(t *testing.T) {
	bad := filepath.Join(t.TempDir(), "bad.json")
	if err := os.WriteFile(bad, []byte("{}"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, f := range []runFlags{
		{repeat: 1, jobFlags: jobFlags{baseline: "nowhere.json"}}, {repeat: 1, jobFlags: jobFlags{baseline: bad}},
		{repeat: 3, jobFlags: jobFlags{baseline: bad}}, {repeat: 1, jobFlags: jobFlags{junit: "/nowhere/x.xml"}},
	} {
		if _, err := f.begin(); err == nil {
			t.Errorf("%+v is accepted", f.jobFlags)
		}
	}
	j := &job{flags: runFlags{repeat: 3}, make: played(t, tape{}, tape{outage: 12 * time.Second}, tape{})}
	e, err := spec.Parse("writes-back.yaml", []byte(writesBack))
	if err != nil {
		t.Fatal(err)
	}
	if code := exitCode(t.Context(), j.end(j.experiment(t.Context(), nil, e))); code != exitFail || len(j.results) != 3 || j.results[1].Card.Verdict != score.Fail {
		t.Errorf("three runs, the second a failure: exit code %d, %d results", code, len(j.results))
	}
}

// Each command of the CI guide names verbs and flags that there are.
func TestCICommandsExist(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "experiments", "CI.md"))
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for line := range strings.Lines(string(text)) {
		for _, part := range strings.Split(line, "&&") {
			_, args, ok := strings.Cut(" "+strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(part), "- ")), " ./gauntlet ")
			if !ok {
				args, ok = strings.CutPrefix(part, "gauntlet ")
			}
			if !ok {
				continue
			}
			found++
			cmd, rest, err := rootCommand().Find(strings.Fields(args))
			if err == nil {
				err = cmd.ParseFlags(rest)
			}
			if err != nil {
				t.Errorf("%s: %v", strings.TrimSpace(part), err)
			}
		}
	}
	if found < 10 {
		t.Errorf("%d commands found; the test does not read the guide right", found)
	}
}
