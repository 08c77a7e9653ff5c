package compose

import (
	"flag"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "draw the diagrams of README.md anew")

// block is a diagram in README.md.
var block = regexp.MustCompile("(?s)<!-- gauntlet diagram ([a-z-]+) -->\n```mermaid\n(.*?)```\n")

// README.md has one diagram of each rung, and each is what the command draws.
func TestDiagramsInReadme(t *testing.T) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	var shown []string
	drawn := block.ReplaceAllStringFunc(string(text), func(s string) string {
		name := block.FindStringSubmatch(s)[1]
		shown = append(shown, name)
		return "<!-- gauntlet diagram " + name + " -->\n```mermaid\n" + diagram(t, name) + "```\n"
	})
	if want := []string{"single", "split", "balanced", "replicated", "cached", "cdn", "queued", "multiregion", "sharded", "polyglot"}; !slices.Equal(shown, want) {
		t.Errorf("diagrams of %v, want one of each rung: %v", shown, want)
	}
	if *update {
		if err := os.WriteFile("README.md", []byte(drawn), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if drawn != string(text) {
		t.Error("README.md's diagrams are not what the files say: go test ./compose -run TestDiagramsInReadme -update")
	}
}

// A variant's diagram has what its base has, with what differs.
func TestDiagram(t *testing.T) {
	for name, want := range map[string][]string{
		"balanced":          {"users([users]) --> a_lb", "a_lb --> a_web", "a_web --> a_db", "HAProxy", "web1, web2, web3"},
		"queued-autoscaled": {"autoscaler", "a_worker --> a_queue", "a_cdn --> a_lb"},
		"multiregion":       {"subgraph region_a [a]", "a_wan --> b_db", "c_dns --> a_client", "b_worker --> b_queue", "PostgreSQL behind a gate", "db3, db4"},
		"sharded":           {"db s2", "a_web --> a_db_s6"},
	} {
		got := diagram(t, name)
		for _, w := range want {
			if !strings.Contains(got, w) {
				t.Errorf("%s lacks %q:\n%s", name, w, got)
			}
		}
		if strings.Contains(got, "seed") {
			t.Errorf("%s shows a job that ends", name)
		}
	}
}

func diagram(t *testing.T, name string) string {
	t.Helper()
	top, err := Lookup(name)
	if err != nil {
		t.Fatal(err)
	}
	text, err := top.Diagram()
	if err != nil {
		t.Fatal(err)
	}
	return text
}
