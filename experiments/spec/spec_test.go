package spec

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gauntlet/experiments"
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

func TestAllErrorsAtOnceInOrderOfLines(t *testing.T) {
	bad := strings.NewReplacer("warm: 2s", "warm: 2", "kind: kill", "kind: melt", "at_least: 0.99", "at_least: 99", "topology: replicated", "topology: nowhere").Replace(good)
	_, err := Parse("x.yaml", []byte(bad))
	var all Errors
	if !errors.As(err, &all) {
		t.Fatalf("got %v, want Errors", err)
	}
	if len(all) != 4 {
		t.Errorf("%d errors, want 4:\n%v", len(all), all)
	}
	for i := range all[1:] {
		if all[i].Line > all[i+1].Line {
			t.Errorf("errors are not in the order of their lines:\n%v", all)
		}
	}
	for _, e := range all {
		if e.Mend == "" {
			t.Errorf("no mend for %v", e)
		}
	}
}

func TestOverlapOnTheSameTargetsIsRefused(t *testing.T) {
	step := "  - {at: 5s, for: 5s, on: {role: postgres-primary}, fault: {kind: kill}}\n"
	for _, c := range []struct {
		name, second string
		refused      bool
	}{
		{"same time", strings.Replace(step, "kill", "pause", 1), true},
		{"one after the other", strings.Replace(step, "at: 5s", "at: 10s", 1), false},
		{"other targets", strings.Replace(step, "postgres-primary", "postgres-replica", 1), false},
	} {
		_, err := Parse("x.yaml", []byte(strings.Replace(good, step, step+c.second, 1)))
		if (err != nil) != c.refused {
			t.Errorf("%s: %v, want refused %v", c.name, err, c.refused)
		}
	}
}

func TestWithTopologyChecksTheStepsAgain(t *testing.T) {
	text := strings.Replace(good, "postgres-primary", "postgres-sync-standby", 1)
	e, err := Parse("x.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
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
	for _, name := range []string{"primary-kill", "primary-kill.yaml", "experiments/primary-kill.yaml", "experiments/mutants/stale-failover.yaml", "stale-failover"} {
		if _, err := Load(name); err != nil {
			t.Errorf("Load(%s): %v", name, err)
		}
	}
	if _, err := Load("primary-kil"); !errors.Is(err, ErrNoExperiment) || !strings.Contains(err.Error(), "primary-kill") {
		t.Errorf("Load(primary-kil): %v, want ErrNoExperiment and a suggestion", err)
	}
	if err := os.WriteFile("mine.yaml", []byte(good), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("bad.yaml", []byte("claim: x"), 0o644); err != nil {
		t.Fatal(err)
	}
	all, err := LoadAll(".")
	if len(all) != 1 || err == nil || !strings.Contains(err.Error(), "bad.yaml:1:1") {
		t.Errorf("LoadAll(.): %d experiments, %v; want one, and the errors of bad.yaml", len(all), err)
	}
}

// The catalogue parses, and its README lists it with its claims.
func TestCatalogueAndItsReadmeAgree(t *testing.T) {
	readme, err := os.ReadFile(filepath.Join("..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	all, err := Catalogue()
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range all {
		row := fmt.Sprintf("| [%s](%s.yaml) | %s | %s |", e.Name, e.Name, e.Topology, e.Claim)
		if !strings.Contains(string(readme), row) {
			t.Errorf("experiments/README.md lacks the row\n%s", row)
		}
	}
	for _, m := range Metrics() {
		star := ""
		if m.PerClass {
			star = " *"
		}
		row := fmt.Sprintf("| `%s`%s | %s | %s |", m.Name, star, m.Unit, m.Doc)
		if !strings.Contains(string(readme), row) {
			t.Errorf("experiments/README.md lacks the row\n%s", row)
		}
	}
	mutants, err := fs.Glob(experiments.FS, "mutants/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range mutants {
		if _, err := Load(path.Base(m)); err != nil {
			t.Error(err)
		}
	}
}

// The YAML examples of the README parse.
func TestReadmeExamplesParse(t *testing.T) {
	readme, err := os.ReadFile(filepath.Join("..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	blocks := strings.Split(string(readme), "```yaml\n")[1:]
	if len(blocks) < 2 {
		t.Fatalf("%d YAML examples in experiments/README.md, want at least 2", len(blocks))
	}
	for i, b := range blocks {
		text, _, _ := strings.Cut(b, "```")
		if !strings.HasPrefix(text, "claim:") {
			text = "claim: c\ntopology: replicated\n" + text + "goals: [{metric: availability, at_least: 0.9}]\n"
		}
		if _, err := Parse(fmt.Sprintf("example-%d.yaml", i+1), []byte(text)); err != nil {
			t.Error(err)
		}
	}
}

// Any text gives an experiment or errors with lines; never a panic.
func FuzzParse(f *testing.F) {
	f.Add(good)
	f.Add("claim: [c")
	f.Add("steps: [{on: {exclude: {a: b}}, fault: {kind: stop, timeout: 1h}}]")
	f.Add("a: &a [*a]")
	f.Fuzz(func(t *testing.T, text string) {
		_, err := Parse("fuzz.yaml", []byte(text))
		var all Errors
		if err != nil && !errors.As(err, &all) {
			t.Errorf("error of type %T: %v", err, err)
		}
		for _, e := range all {
			if e.Line < 1 || e.Column < 1 || e.Problem == "" {
				t.Errorf("incomplete error %+v", e)
			}
		}
	})
}
