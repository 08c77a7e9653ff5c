package spec

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func readme(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// hasRow complains if no line of the text begins so.
func hasRow(t *testing.T, text, row string) {
	t.Helper()
	if !strings.Contains(text, "\n"+row) {
		t.Errorf("experiments/README.md lacks the row\n%s", row)
	}
}

func TestReadmeListsTheCatalogue(t *testing.T) {
	text := readme(t)
	all, err := Catalogue()
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range all {
		hasRow(t, text, fmt.Sprintf("| [%s](%s.yaml) | %s | %s |\n", e.Name, e.Name, e.Topology, e.Claim))
	}
	for _, m := range Mutants() {
		e, err := Load(m)
		if err != nil {
			t.Fatal(err)
		}
		hasRow(t, text, fmt.Sprintf("| [%s](mutants/%s.yaml) | %s |", m, m, e.Topology))
	}
	for _, w := range Workloads() {
		hasRow(t, text, "| `workload` | name | | a mix of [workloads/](workloads/): `"+w+"`")
	}
}

func TestReadmeListsTheMetrics(t *testing.T) {
	text := readme(t)
	for _, m := range Metrics() {
		star := ""
		if m.PerClass {
			star = " *"
		}
		hasRow(t, text, fmt.Sprintf("| `%s`%s | %s | %s | %s |\n", m.Name, star, m.Unit, m.Better(), m.Doc))
	}
}

// Each key that the parser knows has a row, and each default is the one that the parser uses.
func TestReadmeListsTheKeys(t *testing.T) {
	text := readme(t)
	for _, keys := range [][]string{experimentKeys, phaseKeys, stepKeys, selectorKeys, goalKeys, loadKeys, opKeys, sequenceKeys, parallelKeys, memberKeys, chanceKeys, abortKeys, attachKeys, roleKeys, moreLoadKeys, moreOpKeys, shapeKeys, clientKeys, registerFields, probeKeys, scrapeKeys} {
		for _, k := range keys {
			hasRow(t, text, "| `"+k+"` | ")
		}
	}
	for _, row := range []string{
		fmt.Sprintf("| `seed` | whole number | %d |", defaultSeed),
		fmt.Sprintf("| `warm` | time | %s |", short(defaultWarm)),
		fmt.Sprintf("| `baseline` | time | 20s | what the fault is compared with; at least %s |", short(minBaseline)),
		fmt.Sprintf("| `recovery` | time | 60s | after the last step's end; at least %s,", short(steadyWindow)),
		fmt.Sprintf("| `for` | time | required | how long; at least %s |", short(minStep)),
		fmt.Sprintf("| `timeout` | time | %s |", short(defaultTimeout)),
		fmt.Sprintf("| `limit` | time | %s |", short(defaultLimit)),
		fmt.Sprintf("| `connections` | whole number | %d |", defaultConnections),
		fmt.Sprintf("| `users` | whole number | %d |", defaultUsers),
		fmt.Sprintf("| `weight` | number | %d |", defaultWeight),
		fmt.Sprintf("| `method` | word | %s |", defaultMethod),
	} {
		hasRow(t, text, row)
	}
	if defaultBaseline.Seconds() != 20 || defaultRecovery.Seconds() != 60 {
		t.Errorf("baseline %s and recovery %s by default, the README says 20s and 60s", defaultBaseline, defaultRecovery)
	}
}

// The YAML examples of the README parse.
func TestReadmeExamplesParse(t *testing.T) {
	blocks := strings.Split(readme(t), "```yaml\n")[1:]
	if len(blocks) < 2 {
		t.Fatalf("%d YAML examples in experiments/README.md, want at least 2", len(blocks))
	}
	for i, b := range blocks {
		text, _, _ := strings.Cut(b, "```")
		if strings.HasPrefix(text, "abort:") || strings.HasPrefix(text, "roles:") {
			text += "steps: [{at: 20s, for: 1s, on: {tier: web}, fault: {kind: kill}}]\n"
		}
		if !strings.HasPrefix(text, "claim:") {
			if !strings.HasPrefix(text, "topology:") {
				text = "topology: replicated\n" + text
			}
			text = "claim: c\n" + text + "goals: [{metric: availability, at_least: 0.9}]\n"
		}
		if !strings.Contains(text, "load:") {
			text = "load: {workload: reference}\n" + text
		}
		if _, err := Parse(fmt.Sprintf("example-%d.yaml", i+1), []byte(text)); err != nil {
			t.Error(err)
		}
	}
}
