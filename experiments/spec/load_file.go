package spec

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"gauntlet/loadgen"
)

// LoadFile is a load without an experiment around it: what gauntlet load runs.
type LoadFile struct {
	Name   string // of the file, without folder and extension
	Source string // its text
	Base   string // URL of the system under load, "" if the file does not say
	For    time.Duration
	Load   loadgen.Profile
}

// Defaults of a load file.
const (
	defaultLoadFor  = 30 * time.Second
	longestLoad     = 7 * 24 * time.Hour
	largestDocument = 16 << 20
)

var loadFileKeys = []string{"base", "for", "seed"}

// ReadLoad reads a load file. The error is Errors, or of the file system.
func ReadLoad(name string) (LoadFile, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return LoadFile{}, err
	}
	return ParseLoad(name, text)
}

// ParseLoad reads a load: base, for and seed, and the keys that an experiment's load has. An experiment is taken for its load.
// file is its name for errors, and files that it names are seen from its folder.
func ParseLoad(file string, text []byte) (LoadFile, error) {
	p := &problems{file: file}
	out := LoadFile{Name: strings.TrimSuffix(filepath.Base(file), filepath.Ext(file)), Source: string(text), For: defaultLoadFor}
	root, ok := p.document(text)
	if !ok {
		return out, p.err()
	}
	if isExperiment(root) {
		e, err := Parse(file, text)
		out.Load, out.For = e.Load, e.Length()
		return out, err
	}
	o := p.object(root, "load", append(append(append([]string(nil), loadFileKeys...), loadKeys...), moreLoadKeys...)...)
	out.Base = p.text(o, "base")
	out.For = p.duration(o, "for", defaultLoadFor, time.Second, longestLoad)
	prof := loadgen.Profile{Timeout: defaultTimeout, Limit: defaultLimit, Connections: defaultConnections, Users: defaultUsers, CatchUp: defaultCatchUp}
	if name := p.text(o, "workload"); name != "" {
		prof = p.workload(o, name, prof)
	} else {
		p.required(o, "rate", "write it like rate: 200/s")
		if o.lacks("ops") {
			p.at(o.node, "write ops out, such as ops: [{name: feed, class: read, path: /feed}]", "the load has no operations")
		}
	}
	prof = p.profile(o, prof)
	if !o.has("connections") {
		prof.Connections = max(prof.Connections, min(prof.EnoughConnections(), maxOwnConnections))
	}
	prof.Seed = uint64(p.integer(o, "seed", defaultSeed, 0, 1<<62))
	out.Load = prof
	return out, p.err()
}

// maxOwnConnections bounds how many connections a load takes that names no number.
const maxOwnConnections = 1000

// IsLoad says whether a text is a load file and no experiment, whatever may be wrong with it: it has operations or a rate of its own,
// and neither claim nor topology.
func IsLoad(text []byte) bool {
	p := &problems{}
	root, ok := p.document(text)
	return ok && !isExperiment(root) && (hasKey(root, "ops") || hasKey(root, "rate"))
}

func isExperiment(n *yaml.Node) bool {
	n = resolve(n)
	for i := 0; n.Kind == yaml.MappingNode && i < len(n.Content); i += 2 {
		if n.Content[i].Value == "claim" || n.Content[i].Value == "topology" {
			return true
		}
	}
	return false
}

// ErrDocument is wrapped when a document is neither JSON nor YAML.
var ErrDocument = errors.New("not a JSON or YAML document")

// Document decodes a JSON or YAML text whose form is not ours, such as an OpenAPI description, into maps, lists and values.
func Document(text []byte) (any, error) {
	if len(text) > largestDocument {
		return nil, fmt.Errorf("%w: larger than %d MiB", ErrDocument, largestDocument>>20)
	}
	var out any
	if err := yaml.Unmarshal(text, &out); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDocument, err)
	}
	return out, nil
}
