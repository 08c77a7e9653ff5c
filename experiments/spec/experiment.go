package spec

import (
	"time"

	"gauntlet/chaos"
	"gauntlet/chaos/roles"
	"gauntlet/experiments/register"
	"gauntlet/loadgen"
)

// Experiment is a parsed and validated experiment file.
type Experiment struct {
	Name      string  // file name without extension
	File      string  // where it came from, for errors
	Source    string  // its text, word for word
	Claim     string  // one sentence that the goals make precise
	Topology  string  // name of a rung or variant, or of the attached project
	Attach    *Attach // a system of the user's own; nil for a topology of ours
	Seed      uint64
	Load      loadgen.Profile
	Workload  string // name of the workload that Load came from
	Phases    Phases
	Steps     []chaos.Step
	Goals     []Goal
	Aborts    []Abort
	Roles     []roles.Declared // live roles that the user defines, beside those that are known
	Alerts    []AlertFile      // rule files that are evaluated during the run
	Registers *register.Config // clients whose calls are checked for consistency; nil: there are none
	Scale     float64          // what all times of the rules are divided by, from 1
	Probes    []Probe          // queries of the user's own
	Scrapes   []Scrape         // metrics that are scraped beside those of the topology's labels

	rules map[string]string // texts of the rule files by path, once they were read
}

// Phases are the lengths of the run's parts under load. Fault lasts from the first step's start to the last one's end.
type Phases struct {
	Warm     time.Duration
	Baseline time.Duration // the first step may not start before it is over
	Recovery time.Duration // after the last step's end
}

// Goal is one bound on a metric. Exactly one of AtMost and AtLeast is set; both are in the metric's base unit
// (seconds, ratio in [0,1], count, bytes).
type Goal struct {
	Metric  string
	Class   string // operation class, "" for all of them together
	AtMost  *float64
	AtLeast *float64
	Text    string // as written, such as "at most 10s"
	Line    int
}

// Name is the metric as a file names it, such as write_outage.
func (g Goal) Name() string {
	if g.Class == "" {
		return g.Metric
	}
	return g.Class + "_" + g.Metric
}

// FaultEnd is when the last step ends, counted from the end of the warm-up. Without steps it is Baseline.
func (e Experiment) FaultEnd() time.Duration {
	end := e.Phases.Baseline
	for _, s := range e.Steps {
		end = max(end, s.At+s.For)
	}
	return end
}

// Length is the time under load: warm-up, baseline, fault and recovery.
func (e Experiment) Length() time.Duration { return e.Phases.Warm + e.FaultEnd() + e.Phases.Recovery }
