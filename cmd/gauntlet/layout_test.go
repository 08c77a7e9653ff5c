package main

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// root is the module's folder, seen from this package.
const root = "../.."

// mayImport says which of our packages each package may import; a folder's rule holds for what is below it.
// The order is the straight line of the design: cmd -> run, report -> score -> history, spec -> the four at the bottom.
var mayImport = map[string][]string{
	"cmd/gauntlet":         {"targetapp", "chaos", "chaos/docker", "compose", "experiments", "experiments/spec", "experiments/history", "experiments/run", "experiments/score", "experiments/report", "experiments/compare", "experiments/probe", "loadgen"},
	"cmd/witness":          {},
	"cmd/exclusive":        {},
	"targetapp":            {"targetapp"},
	"loadgen":              {"loadgen"},
	"compose":              {"compose"},
	"chaos":                {"chaos"},
	"experiments":          {},
	"experiments/probe":    {},
	"experiments/monitor":  {},
	"experiments/register": {},
	"experiments/spec":     {"chaos", "loadgen", "experiments", "experiments/probe", "experiments/register", "experiments/monitor", "compose"},
	"experiments/history":  {"chaos", "loadgen", "experiments/probe", "experiments/register", "experiments/monitor", "compose"},
	"experiments/score":    {"chaos", "loadgen", "experiments/probe", "experiments/register", "experiments/monitor", "compose", "experiments/history", "experiments/spec"},
	"experiments/report":   {"chaos", "loadgen", "experiments/probe", "compose", "experiments/history", "experiments/spec", "experiments/score"},
	"experiments/compare":  {"experiments/history", "experiments/spec", "experiments/score", "experiments/report"},
	"experiments/run":      {"chaos", "chaos/docker", "loadgen", "experiments/probe", "experiments/register", "experiments/monitor", "compose", "experiments/history", "experiments/spec"},
}

// onlyIn says which folders may import a dependency (by prefix).
var onlyIn = map[string][]string{
	"github.com/docker/docker":          {"chaos/docker", "chaos/chaostest", "compose"},
	"github.com/tsenart/vegeta":         {"loadgen"},
	"github.com/spf13/cobra":            {"cmd/gauntlet"},
	"gopkg.in/yaml.v3":                  {"experiments/spec", "compose", "targetapp/autoscaler"},
	"github.com/prometheus/client_":     {"targetapp", "experiments/probe", "experiments/monitor"},
	"github.com/prometheus/prometheus":  {"experiments/monitor"},
	"github.com/anishathalye/porcupine": {"experiments/score"},
}

type goPackage struct {
	ImportPath, Dir, Doc string
	Imports              []string
}

func packages(t *testing.T) []goPackage {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Dir,Doc,Imports", "./...")
	cmd.Dir = root
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []goPackage
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p goPackage
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

func within(path, folder string) bool { return path == folder || strings.HasPrefix(path, folder+"/") }

// rule finds the longest entry of mayImport that path is in.
func rule(path string) (string, []string, bool) {
	best, found := "", false
	for folder := range mayImport {
		if within(path, folder) && len(folder) >= len(best) {
			best, found = folder, true
		}
	}
	return best, mayImport[best], found
}

func TestImportsPointOneWay(t *testing.T) {
	for _, p := range packages(t) {
		path := strings.TrimPrefix(p.ImportPath, "gauntlet/")
		folder, allowed, ok := rule(path)
		if !ok {
			t.Errorf("%s: not in the layout; give it a rule in mayImport or move it", path)
			continue
		}
		for _, imp := range p.Imports {
			ours, isOurs := strings.CutPrefix(imp, "gauntlet/")
			if isOurs && !within(ours, folder) && !slices.ContainsFunc(allowed, func(a string) bool { return within(ours, a) }) {
				t.Errorf("%s imports %s, which the layout forbids", path, ours)
			}
			for dep, folders := range onlyIn {
				if strings.HasPrefix(imp, dep) && !slices.ContainsFunc(folders, func(f string) bool { return within(path, f) }) {
					t.Errorf("%s imports %s; only %v may", path, imp, folders)
				}
			}
		}
	}
}

// score and report judge recordings: they must not reach the doer.
func TestJudgesNeverSeeRun(t *testing.T) {
	for _, pkg := range []string{"./experiments/score", "./experiments/report", "./experiments/compare"} {
		cmd := exec.Command("go", "list", "-deps", pkg)
		cmd.Dir = root
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("go list -deps %s: %v", pkg, err)
		}
		for dep := range strings.Lines(string(out)) {
			switch dep = strings.TrimSpace(dep); dep {
			case "gauntlet/experiments/run", "gauntlet/chaos/docker", "gauntlet/targetapp":
				t.Errorf("%s depends on %s", pkg, dep)
			}
		}
	}
}

func TestEveryPackageHasADoc(t *testing.T) {
	for _, p := range packages(t) {
		if len(p.Doc) < 30 {
			t.Errorf("%s: package doc is missing or says nothing: %q", p.ImportPath, p.Doc)
		}
		switch base := filepath.Base(p.ImportPath); base {
		case "util", "utils", "common", "types", "pkg", "internal", "helpers":
			t.Errorf("%s: a package named %s says nothing", p.ImportPath, base)
		}
	}
}

func TestTopLevelIsFixed(t *testing.T) {
	allowed := []string{"cmd", "targetapp", "chaos", "loadgen", "experiments", "compose", "go.mod", "go.sum", "README.md", "LICENSE"}
	entries, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		name := e.Name()
		if strings.HasPrefix(name, ".") || name == "runs" || slices.Contains(allowed, name) {
			continue
		}
		t.Errorf("top-level entry %s is outside of the layout", name)
	}
}
