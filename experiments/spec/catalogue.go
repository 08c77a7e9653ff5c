package spec

import (
	"errors"
	"fmt"
	"io"
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

// maxFile bounds an experiment file, so that a wrong argument such as a disk image is refused and not read.
const maxFile = 1 << 20

// Load reads one experiment: a file, or a name of the catalogue with or without "experiments/" and ".yaml". A file on disk
// goes first, so that a changed copy of the catalogue is the one that runs.
func Load(name string) (Experiment, error) {
	text, err := readFile(name)
	if err == nil {
		e, err := Parse(name, text)
		if err == nil {
			err = e.readFiles()
		}
		return e, err
	}
	file, text, found := find(name)
	switch {
	case found:
		return Parse(file, text)
	case !errors.Is(err, fs.ErrNotExist):
		return Experiment{}, fmt.Errorf("experiment %s: %w", name, err)
	}
	wanted := strings.TrimSuffix(path.Base(filepath.ToSlash(name)), ".yaml")
	return Experiment{}, fmt.Errorf("%w: %s is neither a file nor in the catalogue; %s", ErrNoExperiment, name, among("there are", wanted, Names()))
}

// readFile reads a regular file or a pipe of at most maxFile bytes.
func readFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(text) > maxFile {
		err = fmt.Errorf("it is larger than %d KiB: that is no experiment", maxFile>>10)
	}
	return text, err
}

// find looks into the embedded catalogue; mutants are found with and without their folder.
func find(name string) (file string, text []byte, found bool) {
	inside := strings.TrimPrefix(path.Clean(filepath.ToSlash(name)), "experiments/")
	inside = strings.TrimSuffix(inside, ".yaml") + ".yaml"
	for _, file := range []string{inside, "mutants/" + inside} {
		if text, err := fs.ReadFile(experiments.FS, file); err == nil && path.Dir(file) != "workloads" {
			return "experiments/" + file, text, true
		}
	}
	return "", nil, false
}

// LoadAll reads an experiment, or all of a folder (without its sub-folders). The folders experiments and
// experiments/mutants are those of the catalogue where they are not on disk. What could be read is returned together with
// the errors of all that could not.
func LoadAll(name string) ([]Experiment, error) {
	files, folder, err := inFolder(name)
	switch {
	case err != nil:
		return nil, err
	case !folder:
		files = []string{name}
	case len(files) == 0:
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

// inFolder lists the experiments of a folder, sorted by name; folder is false if name is none.
func inFolder(name string) (files []string, folder bool, err error) {
	if info, err := os.Stat(name); err == nil {
		if !info.IsDir() {
			return nil, false, nil
		}
		all, err := os.ReadDir(name)
		for _, f := range all {
			if strings.HasSuffix(f.Name(), ".yaml") && !f.IsDir() {
				files = append(files, filepath.Join(name, f.Name()))
			}
		}
		return files, true, err
	}
	switch path.Clean(filepath.ToSlash(name)) {
	case "experiments":
		return list("*.yaml"), true, nil
	case "experiments/mutants":
		return list("mutants/*.yaml"), true, nil
	}
	return nil, false, nil
}

// list finds files of the embedded catalogue.
func list(pattern string) []string {
	found, _ := fs.Glob(experiments.FS, pattern) // the patterns are constants
	for i, f := range found {
		found[i] = "experiments/" + f
	}
	return found
}

// Names are the names of the embedded experiments, without the mutants.
func Names() []string { return bare(list("*.yaml")) }

// Mutants are the names of the embedded experiments that must fail on the topology that they name.
func Mutants() []string { return bare(list("mutants/*.yaml")) }

func bare(files []string) []string {
	for i, f := range files {
		files[i] = strings.TrimSuffix(path.Base(f), ".yaml")
	}
	return files
}

// Catalogue returns the embedded experiments, without the mutants, sorted by name.
func Catalogue() ([]Experiment, error) {
	var out []Experiment
	for _, n := range Names() {
		file, text, _ := find(n) // Names are of the same file system
		e, err := Parse(file, text)
		if err != nil {
			return nil, err
		}
		out = append(out, e)
	}
	return out, nil
}

// Recorded parses the experiment that a recording carries. The topology may be one that this version no longer has: the run
// took place, and what it had stands in the recording.
func Recorded(name, source string) (Experiment, error) {
	var topology string
	e, err := parse(name+".yaml", []byte(source), func(name string) (compose.Topology, error) {
		topology = name
		t, err := compose.Lookup(name)
		if errors.Is(err, compose.ErrNoTopology) {
			return compose.Topology{}, nil
		}
		return t, err
	})
	if e.Attach == nil {
		e.Topology = topology
	}
	return e, err
}

// WithSeed is e with another seed.
func (e Experiment) WithSeed(seed uint64) Experiment {
	e.Seed, e.Load.Seed = seed, seed
	return e
}

// WithTopology is e on another topology; what its steps and goals ask for must exist there too.
func (e Experiment) WithTopology(name string) (Experiment, error) {
	t, err := compose.Lookup(name)
	if err != nil {
		return e, err
	}
	p := &problems{file: e.File}
	root, ok := p.document([]byte(e.Source))
	if !ok {
		return e, p.err()
	}
	e.Attach = nil
	p.architecture(p.object(root, "experiment", experimentKeys...), &e, t)
	return e, p.err()
}
