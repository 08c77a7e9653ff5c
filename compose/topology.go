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
	Overlay bool
	Roles   []string
}

// composeFile is what we read of a topology file ourselves; the rest is for the Compose tool.
type composeFile struct {
	Meta     meta `yaml:"x-gauntlet"`
	Services map[string]struct {
		Image    string
		Labels   map[string]string
		Networks yaml.Node
		Health   map[string]any `yaml:"healthcheck"`
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
		if !t.overlay {
			out = append(out, t)
		}
	}
	slices.SortFunc(out, func(a, b Topology) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// Lookup finds a topology by name; else ErrNoTopology, and the text says which there are and which was likely meant.
func Lookup(name string) (Topology, error) {
	var names []string
	meant, least := "", 4 // more letters that differ are no slip
	for _, t := range All() {
		if t.Name == name {
			return t, nil
		}
		if t.Mutant {
			continue
		}
		names = append(names, t.Name)
		if d := edits(name, t.Name); d < least {
			meant, least = fmt.Sprintf("; did you mean %s?", t.Name), d
		}
	}
	return Topology{}, fmt.Errorf("%w %q: there are %s%s", ErrNoTopology, name, strings.Join(names, ", "), meant)
}

// edits is Levenshtein's distance: how many letters to add, remove or change to make b of a.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
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
	t := Topology{scraped: map[string]scrape{}, checked: map[string]bool{}}
	if f.Meta.Base != "" {
		if t, err = read(f.Meta.Base); err != nil {
			return Topology{}, err
		}
	}
	t.Name, t.Summary, t.Mutant, t.overlay = name, f.Meta.Summary, f.Meta.Mutant, f.Meta.Overlay
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
		if len(s.Health) > 0 && s.Health["disable"] == nil {
			t.checked[name] = true
		}
		if where := s.Labels[LabelMetrics]; where != "" {
			t.scraped[name] = scrape{s.Labels[LabelTier], where, address(name, &s.Networks)}
		}
		t.Clients = appendNew(t.Clients, s.Labels[LabelClients])
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
