package compose

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

func TestLookup(t *testing.T) {
	tests := []struct {
		name, entry  string
		services     int
		sync, mutant bool
	}{
		{"single", "machine:8080", 2, false, false},
		{"split", "web1:8080", 3, false, false},
		{"balanced", "lb:80", 6, false, false},
		{"balanced-sticky", "lb:80", 6, false, false},
		{"replicated", "lb:80", 11, true, false},
		{"cached", "lb:80", 20, true, false},
		{"cached-naive", "lb:80", 20, true, false},
		{"cached-writethrough", "lb:80", 20, true, false},
		{"cached-writeback", "lb:80", 20, false, false},
		{"cdn", "anycast:80", 23, true, false},
		{"queued", "anycast:80", 28, true, false},
		{"queued-naive", "anycast:80", 28, true, false},
		{"polyglot", "anycast:80", 41, true, false},
		{"polyglot-unsynced", "anycast:80", 41, true, true},
		{"queued-autoscaled", "anycast:80", 29, true, false},
		{"multiregion", "anycast-a:80", 45, false, false},
		{"multiregion-small", "lb-a:80", 21, false, false},
		{"multiregion-unfenced", "lb-a:80", 21, false, true},
		{"replicated-async", "lb:80", 11, false, false},
		{"replicated-defaults", "lb:80", 11, true, false},
		{"replicated-stale", "lb:80", 11, false, true},
		{"replicated-anyread", "lb:80", 11, true, true},
		{"sharded", "lb:80", 20, true, false},
		{"sharded-consistent", "lb:80", 20, true, false},
		{"sharded-modulo", "lb:80", 20, true, false},
		{"sharded-unfenced", "lb:80", 20, true, true},
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
		if got.Summary == "" || got.Entry != tt.entry || len(got.Services) != tt.services {
			t.Errorf("%s: entry %s and %d services, want %s and %d; %+v", tt.name, got.Entry, len(got.Services), tt.entry, tt.services, got)
		}
		if hasSync := slices.Contains(got.Roles, "postgres-sync-standby"); hasSync != tt.sync && tt.name != "cached-writeback" { // that one promises posts before its database has them
			t.Errorf("%s: promises a sync standby: %v, want %v", tt.name, hasSync, tt.sync)
		}
	}
	if n := len(All()); n != len(tests) {
		t.Errorf("there are %d topologies, %d are looked up here", n, len(tests))
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
	Healthcheck map[string]any    `yaml:"healthcheck"`
	Networks    any               `yaml:"networks"`
}

// services are those that a topology's file names.
func services(t *testing.T, file string) map[string]yaml.Node {
	t.Helper()
	text, err := files.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Services map[string]yaml.Node `yaml:"services"`
	}
	if err := yaml.Unmarshal(text, &doc); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return doc.Services
}

// laid are the services of a topology, each file laid over those before it, as Compose does.
func laid(t *testing.T, top Topology) map[string]service {
	t.Helper()
	out := map[string]service{}
	for _, file := range top.Files {
		for name, node := range services(t, file) {
			s := out[name]
			ports := s.Ports
			s.Ports, s.Labels = nil, maps.Clone(s.Labels)
			if err := node.Decode(&s); err != nil {
				t.Fatalf("%s: %s: %v", file, name, err)
			}
			s.Ports = append(ports, s.Ports...)
			out[name] = s
		}
	}
	return out
}

// withOverlays are all topologies, each with everything laid over it.
func withOverlays(t *testing.T) []Topology {
	t.Helper()
	var out []Topology
	for _, top := range All() {
		over, err := top.With(Overlays()...)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, over)
	}
	return out
}

func TestServicesAreWholeAndBounded(t *testing.T) {
	for _, top := range withOverlays(t) {
		taken := map[string]string{} // addresses and ports
		for name, s := range laid(t, top) {
			where := top.Name + ": " + name
			if s.MemLimit == "" || s.Image == "" {
				t.Errorf("%s has no memory limit or no image: does its base have it?", where)
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
			for _, p := range append(s.Ports, fmt.Sprint(s.Networks)) {
				if !strings.HasPrefix(p, "127.0.0.1:${GAUNTLET_PORT_") && p != fmt.Sprint(s.Networks) {
					t.Errorf("%s publishes %s: only 127.0.0.1 may be reached, at an offset from the base", where, p)
				}
				host := p[:max(strings.LastIndex(p, ":"), 0)]
				if strings.Contains(p, "ipv4_address") {
					host = p
				}
				if other := taken[host]; host != "" && other != "" {
					t.Errorf("%s and %s both take %s", where, other, host)
				}
				taken[host] = name
			}
			if !slices.Contains(top.Services, name) {
				t.Errorf("%s is not in the topology's services %v", where, top.Services)
			}
		}
	}
}

// The roles that a topology lists are those that its containers may come to have.
func TestRolesOfATopologyAreOnItsServices(t *testing.T) {
	for _, top := range All() {
		var may []string
		for _, s := range laid(t, top) {
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
