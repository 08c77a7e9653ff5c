package spec

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// own is a good experiment on a system of the user's own.
func own(topology string) string {
	text := strings.Replace(good, "topology: replicated", "topology: "+topology, 1)
	return strings.Replace(text, "role: postgres-primary", "service: api", 1)
}

func TestAttach(t *testing.T) {
	e, err := Parse("dir/mine.yaml", []byte(own(`{project: myapp, entry: "web:80"}`)))
	if err != nil {
		t.Fatal(err)
	}
	if e.Topology != "myapp" || e.ProjectName() != "myapp" || e.Attach.Entry != "web:80" {
		t.Errorf("got %+v, %+v", e, e.Attach)
	}
	e, err = Parse("dir/mine.yaml", []byte(own(`{files: [a.yml], entry: "http://127.0.0.1:8080"}`)))
	if err != nil {
		t.Fatal(err)
	}
	if e.Topology != "user-mine" || e.ProjectName() != "gauntlet-user-mine" || e.Attach.Files[0] != filepath.Join("dir", "a.yml") {
		t.Errorf("got %+v, %+v", e, e.Attach)
	}
}

func TestErrorsOfAttach(t *testing.T) {
	for _, c := range []struct{ topology, want string }{
		{`{project: a, files: [b], entry: "web:80"}`, "either project or files"},
		{`{entry: "web:80"}`, "either project or files"},
		{`{project: a}`, "entry is missing"},
		{`{project: a, entry: "web"}`, `entry: "web" is neither`},
		{`{project: a, entry: "http://example.com/"}`, "example.com is another machine"},
		{`{projct: a, entry: "web:80"}`, `did you mean "project"?`},
	} {
		if _, err := Parse("x.yaml", []byte(own(c.topology))); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %s", c.topology, err, c.want)
		}
	}
	withLedger := strings.Replace(own(`{project: a, entry: "web:80"}`), "metric: availability, at_least: 0.99", "metric: lost_writes, at_most: 0", 1)
	if _, err := Parse("x.yaml", []byte(withLedger)); err == nil || !strings.Contains(err.Error(), "has no evidence") {
		t.Errorf("a goal on lost writes of an attached project: %v", err)
	}
}

func TestMissingComposeFileIsSaidWithItsLine(t *testing.T) {
	file := filepath.Join(t.TempDir(), "mine.yaml")
	if err := os.WriteFile(file, []byte(own(`{files: [nowhere.yml], entry: "web:80"}`)), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(file); err == nil || !strings.Contains(err.Error(), "mine.yaml:2:1: Compose file") {
		t.Errorf("got %v", err)
	}
}
