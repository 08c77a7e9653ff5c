package compose

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// ErrNoTopology means that there is no topology of that name.
var ErrNoTopology = errors.New("unknown topology")

// meta is the x-gauntlet key of a topology file. A variant names its base and says only what differs.
type meta struct {
	Summary string
	Base    string
	Entry   string
	Sync    *bool
	Mutant  bool
	Roles   []string
}

// composeFile is what we read of a topology file ourselves; the rest is for the Compose tool.
type composeFile struct {
	Meta     meta `yaml:"x-gauntlet"`
	Services map[string]struct {
		Image  string
		Labels map[string]string
	}
}

// All returns the topologies, bases before their variants.
func All() []Topology {
	names, err := fs.Glob(files, "*.yaml")
	if err != nil {
		panic(err) // the pattern is a constant
	}
	var out []Topology
	for _, file := range names {
		t, err := read(strings.TrimSuffix(file, ".yaml"))
		if err != nil {
			panic(fmt.Sprintf("embedded topology %s: %v", file, err)) // a test reads each
		}
		out = append(out, t)
	}
	slices.SortFunc(out, func(a, b Topology) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// Lookup finds a topology by name; else ErrNoTopology, and the text says which there are.
func Lookup(name string) (Topology, error) {
	var names []string
	for _, t := range All() {
		if t.Name == name {
			return t, nil
		}
		if !t.Mutant {
			names = append(names, t.Name)
		}
	}
	return Topology{}, fmt.Errorf("%w %q: there are %s", ErrNoTopology, name, strings.Join(names, ", "))
}

// read reads a topology file and those that it is based on.
func read(name string) (Topology, error) {
	text, err := files.ReadFile(name + ".yaml")
	if err != nil {
		return Topology{}, err
	}
	var f composeFile
	if err := yaml.Unmarshal(text, &f); err != nil {
		return Topology{}, err
	}
	t := Topology{}
	if f.Meta.Base != "" {
		if t, err = read(f.Meta.Base); err != nil {
			return Topology{}, err
		}
	}
	t.Name, t.Summary, t.Mutant = name, f.Meta.Summary, f.Meta.Mutant
	t.Files = append(t.Files, name+".yaml")
	if f.Meta.Entry != "" {
		t.Entry = f.Meta.Entry
	}
	if f.Meta.Sync != nil {
		t.Sync = *f.Meta.Sync
	}
	if len(f.Meta.Roles) > 0 {
		t.Roles = f.Meta.Roles
	}
	t.addServices(f)
	return t, nil
}

// addServices notes the tiers and images that the services use.
func (t *Topology) addServices(f composeFile) {
	for name, s := range f.Services {
		target := strings.TrimSuffix(strings.TrimPrefix(s.Image, "${GAUNTLET_IMAGE_"), "}")
		t.Targets = appendNew(t.Targets, strings.ToLower(target))
		t.Tiers = appendNew(t.Tiers, s.Labels[LabelTier])
		t.Services = appendNew(t.Services, name)
	}
}

// appendNew adds a name that is not there yet and keeps the order; "" is no name.
func appendNew(names []string, name string) []string {
	i, found := slices.BinarySearch(names, name)
	if found || name == "" {
		return names
	}
	return slices.Insert(names, i, name)
}
