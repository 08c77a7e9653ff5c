package spec

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gauntlet/compose"
)

func TestParseGood(t *testing.T) {
	e, err := Parse("dir/good.yaml", []byte(good))
	if err != nil {
		t.Fatal(err)
	}
	if e.Name != "good" || e.Load.Rate != 200 || len(e.Load.Ops) != 4 || len(e.Steps) != 1 || len(e.Goals) != 1 {
		t.Errorf("got %+v", e)
	}
	if want := 22 * time.Second; e.Length() != want {
		t.Errorf("length %s, want %s", e.Length(), want)
	}
}

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares got with a file of testdata.
func golden(t *testing.T, file, got string) {
	t.Helper()
	file = filepath.Join("testdata", file)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs (-update writes it anew)\ngot\n%s\nwant\n%s", file, got, want)
	}
}

func TestAllErrorsAtOnceInOrderOfLines(t *testing.T) {
	_, err := Load("testdata/bad.yaml")
	var all Errors
	if !errors.As(err, &all) {
		t.Fatalf("got %v, want Errors", err)
	}
	golden(t, "bad.txt", err.Error()+"\n")
	for i, e := range all {
		if e.Mend == "" {
			t.Errorf("no mend for %v", e)
		}
		if i > 0 && all[i-1].Line > e.Line {
			t.Errorf("line %d stands after line %d", e.Line, all[i-1].Line)
		}
	}
}

func TestPlan(t *testing.T) {
	e, err := Load("primary-kill")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "plan.txt", e.Plan().String())
	var rate, writes float64
	for _, op := range e.Plan().Ops {
		rate += op.Rate
		if op.Ledger {
			writes += op.Rate
		}
	}
	if rate != 200 || writes != 40 {
		t.Errorf("%g requests/s of which %g writes, want 200 and 40", rate, writes)
	}
}

func TestOverlapOnTheSameTargetsIsRefused(t *testing.T) {
	const role, web, one = "on: {role: postgres-primary}", "on: {tier: web}", "on: {tier: web, pick: one}"
	step := func(at, on string) string {
		return "  - {at: " + at + ", for: 5s, " + on + ", fault: {kind: pause}}\n"
	}
	for _, c := range []struct {
		name, first, second string
		want                string // "" if they may overlap
	}{
		{"same time", step("5s", role), step("5s", role), "x.yaml:7:5: the step overlaps the one of line 6 on the same targets (role=postgres-primary); start it at 10s or later, or let the earlier one draw a part of them (pick: one)"},
		{"begins during the first", step("5s", web), step("9.9s", web), "x.yaml:7:5: the step overlaps the one of line 6"},
		{"written in the wrong order", step("9s", web), step("5s", web), "x.yaml:6:5: the step overlaps the one of line 7"},
		{"one by two names", step("5s", "on: {service: db1}"), step("6s", "on: {container: db1}"), "x.yaml:7:5: the step overlaps the one of line 6"},
		{"one of those that are down", step("5s", web), step("6s", one), "x.yaml:7:5: the step overlaps the one of line 6"},
		{"draws", step("5s", one), step("6s", one), ""},
		{"one after the other", step("5s", role), step("10s", role), ""},
		{"other targets", step("5s", role), step("5s", "on: {role: postgres-replica}"), ""},
		{"time unknown", step("5s", role), step("x", role), "x.yaml:7:10: at: \"x\" is not a time"},
	} {
		text := good[:strings.Index(good, "  - {at")] + c.first + c.second + good[strings.Index(good, "goals:"):]
		_, err := Parse("x.yaml", []byte(text))
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s: got %v, want no error", c.name, err)
		case c.want != "" && (err == nil || !strings.HasPrefix(err.Error(), c.want) || strings.Contains(err.Error(), "\n")):
			t.Errorf("%s: got %v, want %s", c.name, err, c.want)
		}
	}
}

func TestWithTopologyChecksTheStepsAgain(t *testing.T) {
	text := strings.Replace(good, "postgres-primary", "postgres-sync-standby", 1)
	e, err := Parse("x.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.WithTopology("replicated-asinc"); !errors.Is(err, compose.ErrNoTopology) {
		t.Errorf("unknown topology: %v", err)
	}
	if _, err := e.WithTopology("replicated-async"); err == nil || !strings.Contains(err.Error(), "x.yaml:6:") {
		t.Errorf("replicated-async has no synchronous standby; got %v", err)
	}
	if got, err := e.WithTopology("replicated-defaults"); err != nil || got.Topology != "replicated-defaults" {
		t.Errorf("replicated-defaults: %v, %v", got.Topology, err)
	}
}

func TestLoadFindsFilesAndTheCatalogue(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, name := range []string{
		"primary-kill", "primary-kill.yaml", "experiments/primary-kill.yaml", "./experiments/primary-kill.yaml", "experiments/primary-kill",
		"experiments/mutants/stale-failover.yaml", "mutants/stale-failover", "stale-failover",
	} {
		e, err := Load(name)
		if err != nil || !strings.HasPrefix(e.File, "experiments/") || e.Name != strings.TrimSuffix(filepath.Base(name), ".yaml") {
			t.Errorf("Load(%s): %s of %s, %v", name, e.Name, e.File, err)
		}
	}
	for name, want := range map[string]string{
		"primary-kil":         `did you mean "primary-kill"?`,
		"nowhere/x.yaml":      "there are: activity-split, backlog, broker-gone, cache-flush, database-partition, feed-master-kill, lb-crash, primary-kill, primary-pause, region-crash, region-lease-kill, region-partition, reshard, rolling-restart, shard-kill, slow-network, slow-replicas, steady, tier-crashes, tier-freezes, web-crash",
		"workloads/reference": "neither a file nor in the catalogue",
		"../primary-kill":     "neither a file nor in the catalogue",
		"":                    "neither a file nor in the catalogue",
	} {
		if _, err := Load(name); !errors.Is(err, ErrNoExperiment) || !strings.Contains(err.Error(), want) {
			t.Errorf("Load(%q): %v, want ErrNoExperiment and %s", name, err, want)
		}
	}
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestLoadPrefersTheFileOnDisk(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "steady.yaml", strings.Replace(good, "claim: c", "claim: mine", 1))
	if e, err := Load("steady.yaml"); err != nil || e.Claim != "mine" {
		t.Errorf("got claim %q, %v, want mine", e.Claim, err)
	}
	write(t, "large.yaml", strings.Repeat("#", maxFile+1))
	if _, err := Load("large.yaml"); err == nil || !strings.Contains(err.Error(), "larger than 1024 KiB") {
		t.Errorf("large file: %v", err)
	}
	write(t, ".yaml", good)
	if _, err := Load(".yaml"); err == nil || !strings.Contains(err.Error(), "name the file like") {
		t.Errorf("file without a name: %v", err)
	}
}

func TestLoadAll(t *testing.T) {
	t.Chdir(t.TempDir())
	if all, err := LoadAll("experiments/"); err != nil || len(all) != len(Names()) {
		t.Errorf("LoadAll(experiments/) without that folder: %d experiments, %v; want the catalogue's %d", len(all), err, len(Names()))
	}
	if all, err := LoadAll("experiments/mutants"); err != nil || len(all) != len(Mutants()) || len(all) == 0 {
		t.Errorf("LoadAll(experiments/mutants): %d experiments, %v", len(all), err)
	}
	if _, err := LoadAll("."); !errors.Is(err, ErrNoExperiment) {
		t.Errorf("LoadAll of an empty folder: %v, want ErrNoExperiment", err)
	}
	write(t, "mine.yaml", good)
	write(t, "bad.yaml", "claim: x")
	write(t, "worse.yaml", "claim: [")
	all, err := LoadAll(".")
	if len(all) != 1 || err == nil || !strings.Contains(err.Error(), "bad.yaml:1:1") || !strings.Contains(err.Error(), "worse.yaml:1:") {
		t.Errorf("LoadAll(.): %d experiments, %v; want one, and the errors of bad.yaml and worse.yaml", len(all), err)
	}
}

// All of the catalogue can run within the time that a user is promised for one experiment, the start included; but for the tours of
// all tiers, which are eight in one.
func TestCatalogueIsShort(t *testing.T) {
	all, err := Catalogue()
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range all {
		most := 100 * time.Second
		if strings.HasPrefix(e.Name, "tier-") {
			most = 4 * time.Minute
		}
		if e.Length() > most {
			t.Errorf("%s is under load for %s, want at most %s", e.Name, e.Length(), most)
		}
	}
}

// The mutant and its sound sibling get the same faults.
func TestTheMutantRunsOnItsSoundSibling(t *testing.T) {
	e, err := Load("stale-failover")
	if err != nil {
		t.Fatal(err)
	}
	sound, err := e.WithTopology("replicated")
	if err != nil {
		t.Fatal(err)
	}
	if e.Topology != "replicated-stale" || sound.Topology != "replicated" || len(sound.Steps) != len(e.Steps) {
		t.Errorf("%d steps on %s, %d on %s", len(e.Steps), e.Topology, len(sound.Steps), sound.Topology)
	}
}

func TestRecordedOutlivesItsTopology(t *testing.T) {
	text := strings.Replace(good, "topology: replicated", "topology: from-long-ago", 1)
	if _, err := Parse("x.yaml", []byte(text)); err == nil {
		t.Error("an unknown topology was parsed")
	}
	e, err := Recorded("x", text)
	if err != nil || e.Topology != "from-long-ago" || e.Name != "x" || len(e.Goals) != 1 {
		t.Errorf("got %s on %s, %v", e.Name, e.Topology, err)
	}
}

func TestEditsAndNearest(t *testing.T) {
	for _, c := range []struct{ word, want string }{
		{"kil", "kill"}, {"KILL", "kill"}, {"pausee", "pause"}, {"cr", ""}, {"", ""}, {"rash", "crash"}, {"network", ""}, {strings.Repeat("k", 1000), ""},
	} {
		if got := nearest(c.word, []string{"kill", "crash", "pause", "stop"}); got != c.want {
			t.Errorf("nearest(%.10q) = %q, want %q", c.word, got, c.want)
		}
	}
}

func TestWithSeedReachesTheLoad(t *testing.T) {
	e, err := Load("primary-kill")
	if err != nil {
		t.Fatal(err)
	}
	if got := e.WithSeed(99); got.Seed != 99 || got.Load.Seed != 99 || e.Seed != 7 || e.Load.Seed != 7 {
		t.Errorf("got seeds %d and %d, and %d and %d before; want 99, 99, 7, 7", got.Seed, got.Load.Seed, e.Seed, e.Load.Seed)
	}
}

// What is written once and used twice counts as written at both places, and its mistakes are said once.
func TestAliases(t *testing.T) {
	text := strings.Replace(good, "on: {role: postgres-primary}", "on: &one {tier: web, pick: one}", 1)
	text = strings.Replace(text, "goals:", "  - {at: 7s, for: 5s, on: *one, fault: {kind: pause}}\ngoals:", 1)
	e, err := Parse("x.yaml", []byte(text))
	if err != nil || len(e.Steps) != 2 || e.Steps[1].On.Tier != "web" {
		t.Fatalf("%d steps, %v", len(e.Steps), err)
	}
	_, err = Parse("x.yaml", []byte(strings.Replace(text, "pick: one", "pick: most", 1)))
	if err == nil || strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), "x.yaml:6:") {
		t.Errorf("got %v, want one error on line 6", err)
	}
}
