package compose

import (
	"errors"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

func TestLookup(t *testing.T) {
	tests := []struct {
		name         string
		sync, mutant bool
	}{
		{"replicated", true, false},
		{"replicated-async", false, false},
		{"replicated-defaults", true, false},
		{"replicated-stale", false, true},
	}
	for _, tt := range tests {
		got, err := Lookup(tt.name)
		if err != nil {
			t.Errorf("Lookup(%q): %v", tt.name, err)
			continue
		}
		if got.Name != tt.name || got.Sync != tt.sync || got.Mutant != tt.mutant {
			t.Errorf("Lookup(%q) = name %q sync %v mutant %v, want sync %v mutant %v", tt.name, got.Name, got.Sync, got.Mutant, tt.sync, tt.mutant)
		}
		if got.Summary == "" || got.Entry != "lb:80" || len(got.Services) != 11 {
			t.Errorf("%s is incomplete: %+v", tt.name, got)
		}
		if hasSync := slices.Contains(got.Roles, "postgres-sync-standby"); hasSync != tt.sync {
			t.Errorf("%s: promises a sync standby: %v, want %v", tt.name, hasSync, tt.sync)
		}
	}
}

func TestLookupOfAnUnknownName(t *testing.T) {
	_, err := Lookup("replicatd")
	if !errors.Is(err, ErrNoTopology) {
		t.Fatalf("error %v, want ErrNoTopology", err)
	}
	for _, want := range []string{"replicatd", "replicated", "replicated-async", "replicated-defaults"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q does not name %q", err, want)
		}
	}
	if strings.Contains(err.Error(), "replicated-stale") {
		t.Errorf("error %q offers a mutant", err)
	}
}

// service is what every service of a topology must say for itself.
type service struct {
	Image       string            `yaml:"image"`
	MemLimit    string            `yaml:"mem_limit"`
	Labels      map[string]string `yaml:"labels"`
	Ports       []string          `yaml:"ports"`
	Volumes     []string          `yaml:"volumes"`
	Healthcheck map[string]any    `yaml:"healthcheck"`
}

func services(t *testing.T, file string) map[string]service {
	t.Helper()
	text, err := files.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Services map[string]service `yaml:"services"`
	}
	if err := yaml.Unmarshal(text, &doc); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return doc.Services
}

// A variant changes services of its base; a base file has them whole.
func TestServicesAreWholeAndBounded(t *testing.T) {
	for _, top := range All() {
		for name, s := range services(t, top.Files[0]) {
			where := top.Files[0] + ": " + name
			if s.MemLimit == "" {
				t.Errorf("%s has no memory limit", where)
			}
			for _, label := range []string{LabelOwner, LabelTier, LabelRegion, LabelReady} {
				if s.Labels[label] == "" {
					t.Errorf("%s has no label %s", where, label)
				}
			}
			if _, ok := s.Labels[LabelRoles]; !ok {
				t.Errorf("%s has no label %s", where, LabelRoles)
			}
			if s.Labels[LabelOwner] != "gauntlet" {
				t.Errorf("%s: owner %q, want gauntlet: what is not labelled is not taken down", where, s.Labels[LabelOwner])
			}
			if len(s.Healthcheck) == 0 {
				t.Errorf("%s says nothing about its health", where)
			}
			for _, p := range s.Ports {
				if !strings.HasPrefix(p, "127.0.0.1:") {
					t.Errorf("%s publishes %s: only 127.0.0.1 may be reached", where, p)
				}
			}
			if !slices.Contains(top.Services, name) {
				t.Errorf("%s is not in the topology's services %v", where, top.Services)
			}
		}
	}
}

func TestVariantsOnlyChangeServicesOfTheirBase(t *testing.T) {
	for _, top := range All() {
		base := services(t, top.Files[0])
		for _, file := range top.Files[1:] {
			for name := range services(t, file) {
				if _, ok := base[name]; !ok {
					t.Errorf("%s changes %s, which %s does not have", file, name, top.Files[0])
				}
			}
		}
	}
}

// The roles that a topology lists are those that its containers may come to have.
func TestRolesOfATopologyAreOnItsServices(t *testing.T) {
	for _, top := range All() {
		var may []string
		for _, s := range services(t, top.Files[0]) {
			may = append(may, strings.Split(s.Labels[LabelRoles], ",")...)
		}
		for _, role := range top.Roles {
			if !slices.Contains(may, role) {
				t.Errorf("%s lists role %s, which no service may have", top.Name, role)
			}
		}
	}
}

// Compose 1.29 knows neither of these keys; the plugin does.
func TestFilesKeepToTheCommonSubset(t *testing.T) {
	names, err := fs.Glob(files, "*.yaml")
	if err != nil || len(names) == 0 {
		t.Fatalf("no topologies: %v", err)
	}
	for _, name := range names {
		text, err := files.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var doc map[string]any
		if err := yaml.Unmarshal(text, &doc); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, key := range []string{"name", "include", "version"} {
			if _, ok := doc[key]; ok {
				t.Errorf("%s: top-level key %s does not work with every Compose", name, key)
			}
		}
	}
}
