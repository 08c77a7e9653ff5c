package spec

import (
	"errors"
	"path/filepath"
	"regexp"
	"strconv"
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

// Parse reads an experiment. file is its name for errors and, without folder and extension, the experiment's name. The
// error is Errors: everything that is wrong, each with its line.
func Parse(file string, text []byte) (Experiment, error) {
	p := &problems{file: file}
	e := Experiment{Name: strings.TrimSuffix(filepath.Base(file), filepath.Ext(file)), File: file, Source: string(text)}
	root, ok := p.document(text)
	if !ok {
		return e, p.err()
	}
	o := p.object(root, "an experiment", "claim", "topology", "seed", "load", "phases", "steps", "goals")
	e.Claim = p.required(o, "claim", "say in one sentence what must hold")
	topology := p.topology(o)
	e.Topology = topology.Name
	e.Seed = uint64(p.integer(o, "seed", 1, 0, 1<<62))
	e.Load, e.Workload = p.load(o)
	e.Load.Seed = e.Seed
	e.Phases = p.phases(o)
	e.Steps = p.steps(o, e.Phases, topology)
	e.Goals = p.goals(o, classes(e.Load))
	return e, p.err()
}

// syntaxLine finds the line in an error of the YAML parser.
var syntaxLine = regexp.MustCompile(`line (\d+): (.*)`)

// document parses the text as YAML.
func (p *problems) document(text []byte) (*yaml.Node, bool) {
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		n := &yaml.Node{Line: 1, Column: 1}
		problem := strings.TrimPrefix(err.Error(), "yaml: ")
		if m := syntaxLine.FindStringSubmatch(err.Error()); m != nil {
			n.Line, _ = strconv.Atoi(m[1])
			problem = m[2]
		}
		p.at(n, "mend the YAML: check indentation, colons and quotes near this line", "%s", problem)
		return nil, false
	}
	if len(doc.Content) == 0 {
		p.at(&yaml.Node{}, "an experiment needs at least claim, topology, load and goals", "the file is empty")
		return nil, false
	}
	return doc.Content[0], true
}

func (p *problems) topology(o object) compose.Topology {
	name := p.required(o, "topology", "name one of the topologies that gauntlet list shows")
	if name == "" {
		return compose.Topology{}
	}
	t, err := compose.Lookup(name)
	if errors.Is(err, compose.ErrNoTopology) {
		var names []string
		for _, t := range compose.All() {
			if !t.Mutant {
				names = append(names, t.Name)
			}
		}
		p.at(o.where("topology"), among("there are", name, names), "unknown topology %q", name)
	} else if err != nil {
		p.at(o.where("topology"), "", "topology %q: %v", name, err)
	}
	return t
}

func (p *problems) phases(o object) Phases {
	ph := Phases{Warm: defaultWarm, Baseline: defaultBaseline, Recovery: defaultRecovery}
	if !o.has("phases") {
		return ph
	}
	w := p.object(o.values["phases"], "phases", "warm", "baseline", "recovery")
	ph.Warm = p.duration(w, "warm", ph.Warm, 0, maxPart)
	ph.Baseline = p.duration(w, "baseline", ph.Baseline, 5*time.Second, maxPart)
	ph.Recovery = p.duration(w, "recovery", ph.Recovery, 0, maxPart)
	if ph.Recovery < steadyWindow {
		p.at(w.where("recovery"), "make it 10s or more", "recovery of %s is too short to see whether the system is steady again", ph.Recovery)
	}
	return ph
}

func (p *problems) goals(o object, classes []string) []Goal {
	if !o.has("goals") {
		p.at(o.where("goals"), "state at least one, such as {metric: availability, at_least: 0.99}", "goals are missing: nothing could fail")
		return nil
	}
	nodes := p.list(o, "goals")
	if len(nodes) == 0 && resolve(o.values["goals"]).Kind == yaml.SequenceNode {
		p.at(o.where("goals"), "state at least one, such as {metric: availability, at_least: 0.99}", "there are no goals: nothing could fail")
	}
	var out []Goal
	for _, n := range nodes {
		out = append(out, p.goal(n, classes))
	}
	return out
}

func (p *problems) goal(n *yaml.Node, classes []string) Goal {
	o := p.object(n, "a goal", "metric", "at_most", "at_least")
	g := Goal{Line: n.Line}
	name := p.required(o, "metric", "name one, such as availability")
	m, class, ok := metric(name, classes)
	if !ok {
		if name != "" {
			p.at(o.where("metric"), among("there are", name, metricNames(classes)), "unknown metric %q", name)
		}
		return g
	}
	g.Metric, g.Class = m.Name, class
	if o.has("at_most") == o.has("at_least") {
		p.at(n, "write either at_most or at_least", "goal on %s needs exactly one bound", name)
		return g
	}
	if o.has("at_most") {
		g.AtMost, g.Text = p.bound(o, "at_most", m), "at most "+p.text(o, "at_most")
	} else {
		g.AtLeast, g.Text = p.bound(o, "at_least", m), "at least "+p.text(o, "at_least")
	}
	return g
}

// bound reads a goal's bound in the metric's base unit.
func (p *problems) bound(o object, key string, m Metric) *float64 {
	s := p.text(o, key)
	x, err := strconv.ParseFloat(s, 64)
	mend := ""
	switch m.Unit {
	case "seconds":
		d, derr := time.ParseDuration(s)
		x, mend = d.Seconds(), durationMend(s)
		if err = derr; err == nil && d < 0 {
			err, mend = errors.New("negative"), "a time can't be negative"
		}
	case "ratio":
		mend = ratioMend(s)
		if err == nil && !(x >= 0 && x <= 1) {
			err = errors.New("out of range")
		}
	case "points":
		mend = "write 0 to 100"
		if err == nil && !(x >= 0 && x <= 100) {
			err = errors.New("out of range")
		}
	default:
		mend = "write a whole number, 0 or more"
		if err == nil && (!(x >= 0) || x != float64(int64(x))) {
			err = errors.New("not a count")
		}
	}
	if err != nil {
		p.at(o.where(key), mend, "%s: %q is not in the unit of %s (%s)", key, s, m.Name, m.Unit)
		return nil
	}
	return &x
}

func ratioMend(s string) string {
	if x, err := strconv.ParseFloat(strings.TrimSuffix(s, "%"), 64); err == nil && x > 1 && x <= 100 {
		return "write " + strconv.FormatFloat(x/100, 'g', -1, 64)
	}
	return "write a ratio from 0 to 1, such as 0.99"
}
