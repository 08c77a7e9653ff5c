package spec

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"gauntlet/compose"
	"gauntlet/experiments"
)

// ErrNoExperiment means that there is neither a file nor an experiment in the catalogue of that name.
var ErrNoExperiment = errors.New("no such experiment")

// Load reads one experiment: a file, or a name of the catalogue with or without "experiments/" and ".yaml".
func Load(name string) (Experiment, error) {
	text, err := os.ReadFile(name)
	if err == nil {
		return Parse(name, text)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return Experiment{}, err
	}
	inside := strings.TrimSuffix(strings.TrimPrefix(filepath.ToSlash(name), "experiments/"), ".yaml") + ".yaml"
	for _, file := range []string{inside, "mutants/" + inside} {
		if text, err := fs.ReadFile(experiments.FS, file); err == nil {
			return Parse("experiments/"+file, text)
		}
	}
	return Experiment{}, fmt.Errorf("%w: %s is neither a file nor in the catalogue; %s", ErrNoExperiment, name, among("there are", strings.TrimSuffix(path.Base(inside), ".yaml"), names()))
}

// LoadAll reads an experiment, or all of a folder (without its sub-folders). All errors of all files are returned at once.
func LoadAll(name string) ([]Experiment, error) {
	if info, err := os.Stat(name); err != nil || !info.IsDir() {
		e, err := Load(name)
		if err != nil {
			return nil, err
		}
		return []Experiment{e}, nil
	}
	files, err := filepath.Glob(filepath.Join(name, "*.yaml"))
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("%w: folder %s has no *.yaml", ErrNoExperiment, name)
	}
	var out []Experiment
	var errs []error
	for _, f := range files {
		e, err := Load(f)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		out = append(out, e)
	}
	return out, errors.Join(errs...)
}

// Catalogue returns the embedded experiments, without the mutants.
func Catalogue() ([]Experiment, error) {
	var out []Experiment
	for _, n := range names() {
		e, err := Parse("experiments/"+n+".yaml", embedded(n))
		if err != nil {
			return nil, err
		}
		out = append(out, e)
	}
	return out, nil
}

func embedded(name string) []byte {
	text, _ := fs.ReadFile(experiments.FS, name+".yaml") // names come from the same file system
	return text
}

func names() []string {
	found, _ := fs.Glob(experiments.FS, "*.yaml") // the pattern is a constant
	for i, f := range found {
		found[i] = strings.TrimSuffix(f, ".yaml")
	}
	return found
}

// Recorded parses the experiment that a recording carries.
func Recorded(name, source string) (Experiment, error) { return Parse(name+".yaml", []byte(source)) }

// WithSeed is e with another seed.
func (e Experiment) WithSeed(seed uint64) Experiment {
	e.Seed, e.Load.Seed = seed, seed
	return e
}

// WithTopology is e on another topology; what its steps ask for must exist there too.
func (e Experiment) WithTopology(name string) (Experiment, error) {
	t, err := compose.Lookup(name)
	if err != nil {
		return e, err
	}
	e.Topology = t.Name
	p := &problems{file: e.File}
	root, ok := p.document([]byte(e.Source))
	if !ok {
		return e, p.err()
	}
	o := p.object(root, "an experiment", "claim", "topology", "seed", "load", "phases", "steps", "goals")
	p.steps(o, e.Phases, t)
	return e, p.err()
}
