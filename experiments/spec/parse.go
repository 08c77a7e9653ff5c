package spec

import (
	"errors"
	"path/filepath"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"gauntlet/compose"
)

// The longest that a part of a run may be.
const maxPart = time.Hour

// steadyWindow is how long a system must be good to count as steady: a shorter recovery could never show it.
const steadyWindow = 10 * time.Second

// Defaults of the phases.
const (
	defaultWarm     = 10 * time.Second
	defaultBaseline = 20 * time.Second
	defaultRecovery = 60 * time.Second
)

const defaultSeed = 1

// unknown stands for a time that was written wrongly, so that it is not complained about again.
const unknown time.Duration = -1

// minBaseline is long enough for a 99th percentile of each class at the reference rate.
const minBaseline = 5 * time.Second

var (
	experimentKeys = []string{"claim", "topology", "seed", "load", "phases", "steps", "goals", "abort", "roles", "alerts", "time_scale", "probes", "scrape", "registers"}
	phaseKeys      = []string{"warm", "baseline", "recovery"}
)

// Parse reads an experiment. file is its name for errors and, without folder and extension, the experiment's name. The
// error is Errors: everything that is wrong, each with its line.
func Parse(file string, text []byte) (Experiment, error) { return parse(file, text, compose.Lookup) }

// lookup finds a topology by name; compose.ErrNoTopology if there is none.
type lookup func(name string) (compose.Topology, error)

func parse(file string, text []byte, find lookup) (Experiment, error) {
	p := &problems{file: file}
	e := Experiment{Name: strings.TrimSuffix(filepath.Base(file), filepath.Ext(file)), File: file, Source: string(text)}
	if e.Name == "" || strings.HasPrefix(e.Name, ".") {
		p.at(&yaml.Node{}, "name the file like primary-kill.yaml", "the experiment %q has no name: recordings are kept under it", file)
	}
	root, ok := p.document(text)
	if !ok {
		return e, p.err()
	}
	o := p.object(root, "experiment", experimentKeys...)
	e.Claim = p.required(o, "claim", "say in one sentence what must hold")
	e.Seed = uint64(p.integer(o, "seed", defaultSeed, 0, 1<<62))
	e.Load, e.Workload = p.load(o)
	e.Load.Seed = e.Seed
	e.Registers = p.registers(o, e.Load.Timeout, e.Seed)
	e.Phases = p.phases(o)
	if n := o.values["topology"]; n != nil && resolve(n).Kind == yaml.MappingNode {
		e.Attach, e.Topology = p.attach(n, e.Name)
		p.architecture(o, &e, compose.Topology{})
	} else {
		p.architecture(o, &e, p.topology(o, find))
	}
	return e, p.err()
}

// architecture reads what depends on the topology.
func (p *problems) architecture(o object, e *Experiment, t compose.Topology) {
	if e.Attach == nil {
		e.Topology = t.Name
	}
	e.Roles = p.roles(o)
	e.Steps = p.steps(o, scene{e.Phases, withRoles(t, e.Roles), e.Seed})
	p.spikesFit(o, *e)
	p.alerts(o, e)
	e.Probes, e.Scrapes = p.probes(o, classes(e.Load)), p.scrapes(o, t)
	if len(e.Scrapes) > 0 && len(e.Alerts)+len(e.Probes) == 0 {
		p.at(o.where("scrape"), "add probes or alerts that read it", "scrape without probes or alerts has no effect")
	}
	e.Goals = p.goals(o, *e, t)
	e.Aborts = p.aborts(o, *e)
}

func (p *problems) topology(o object, find lookup) compose.Topology {
	name := p.required(o, "topology", "name one of the topologies that gauntlet list shows, such as replicated")
	if name == "" {
		return compose.Topology{}
	}
	t, err := find(name)
	if errors.Is(err, compose.ErrNoTopology) {
		p.at(o.where("topology"), among("there are", name, topologies()), "unknown topology %q", name)
	} else if err != nil {
		p.at(o.where("topology"), "name another one of: "+strings.Join(topologies(), ", "), "topology %q: %v", name, err)
	}
	return t
}

// topologies are the names to offer; mutants are found by those who know them.
func topologies() []string {
	var names []string
	for _, t := range compose.All() {
		if !t.Mutant {
			names = append(names, t.Name)
		}
	}
	return names
}

func (p *problems) phases(o object) Phases {
	ph := Phases{Warm: defaultWarm, Baseline: defaultBaseline, Recovery: defaultRecovery}
	if !o.has("phases") {
		return ph
	}
	w := p.object(o.values["phases"], "phases", phaseKeys...)
	if w.broken {
		ph.Baseline = unknown
	}
	ph.Warm = p.duration(w, "warm", ph.Warm, 0, maxPart)
	if w.has("baseline") {
		ph.Baseline = p.duration(w, "baseline", unknown, minBaseline, maxPart)
	}
	if w.has("recovery") {
		ph.Recovery = p.duration(w, "recovery", unknown, 0, maxPart)
	}
	if ph.Recovery != unknown && ph.Recovery < steadyWindow {
		p.at(w.where("recovery"), "make it "+short(steadyWindow)+" or more", "recovery of %s is too short to see whether the system is steady again", short(ph.Recovery))
	}
	return ph
}
