package compare

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"time"

	"gauntlet/experiments/history"
	"gauntlet/experiments/score"
	"gauntlet/experiments/spec"
)

// Run is one run, reduced to what comparisons and gates need. A baseline keeps runs, never means of them.
type Run struct {
	Experiment string          `json:"experiment"`
	Topology   string          `json:"topology"`
	Recording  string          `json:"recording,omitempty"` // folder
	Origin     time.Time       `json:"origin"`
	Seed       uint64          `json:"seed"`
	Setup      Setup           `json:"setup"`
	Machine    history.Machine `json:"machine"`
	Sync       bool            `json:"sync"` // the topology promises that no acknowledged write is lost
	Verdict    score.Verdict   `json:"verdict"`
	Why        []string        `json:"why,omitempty"`
	Void       bool            `json:"void"`           // the evidence is in doubt, or the generator was behind near a fault: its values may be off by seconds
	Behind     int             `json:"behind_seconds"` // judged seconds in which the load generator was at fault
	Score      score.Interval  `json:"score"`          // in [0,100]
	Limit      float64         `json:"limit"`          // lowest cap on the score, 100 without one
	Parts      []Part          `json:"parts"`          // of the score; those that apply
	Goals      []score.Measure `json:"goals"`
	Measures   []score.Measure `json:"measures"`
	Cost       Cost            `json:"cost"`
}

// Setup is what must be equal for two runs of an experiment to be comparable.
type Setup struct {
	Rate     float64          `json:"rate"` // planned requests per second
	Ops      []history.OpInfo `json:"ops"`
	Timeout  time.Duration    `json:"timeout_ns"`
	Limit    time.Duration    `json:"limit_ns"`
	Client   string           `json:"client"`   // the client model in words, without the seed
	Planned  uint64           `json:"planned"`  // requests
	Schedule []string         `json:"schedule"` // phases and steps
}

// Part is a part of the score with its utility in [0,1].
type Part struct {
	Name    string  `json:"name"`
	Weight  float64 `json:"weight"`
	Utility float64 `json:"utility"`
}

// Cost is what an architecture takes, beside the score and never inside: else over-provisioning would buy resilience unseen.
// A zero is unknown. score.Cost says how each is measured.
type Cost struct {
	Containers int     `json:"containers"`
	CPU        float64 `json:"cpu_seconds_1000"`  // for 1,000 requests that were answered well
	Memory     float64 `json:"memory_bytes"`      // of all containers, mean
	Capacity   float64 `json:"capacity_requests"` // per second, estimated from the baseline
}

// costOf takes what is known.
func costOf(c score.Cost) Cost {
	out := Cost{Containers: c.Containers}
	if c.Known {
		out.CPU, out.Memory = c.PerCPU, c.Memory
	}
	if c.Capacity.Known {
		out.Capacity = c.Capacity.Rate
	}
	return out
}

// seedless finds the seed in the words of a client model: it may differ from run to run.
var seedless = regexp.MustCompile(`, seed \d+`)

// Of reduces a scored recording to a Run. dir is its folder.
func Of(dir string, e spec.Experiment, h history.Header, c score.Card) Run {
	r := Run{
		Experiment: h.Experiment, Topology: h.Topology, Recording: dir, Origin: h.Origin, Seed: h.Seed, Machine: h.Machine, Sync: h.Sync,
		Verdict: c.Verdict, Why: c.Why, Void: c.Score.Lo == 0 && c.Score.Hi == 100 || c.Load.VoidedNear > 0, Behind: c.Load.VoidedSecs, Score: c.Score, Limit: 100,
		Goals: c.Goals, Measures: c.Measures, Cost: costOf(c.Cost),
		Setup: Setup{Rate: h.Rate, Ops: h.Ops, Timeout: h.Timeout, Limit: h.Limit, Planned: c.Load.Planned, Client: seedless.ReplaceAllString(h.Client, "")},
	}
	for _, s := range e.Plan().Spans {
		r.Setup.Schedule = append(r.Setup.Schedule, s.From.String()+" to "+s.To.String()+" "+s.What)
	}
	for _, p := range c.Parts {
		if p.Applicable {
			r.Parts = append(r.Parts, Part{p.Name, p.Weight, p.Utility.Value})
		}
	}
	for _, k := range c.Caps {
		r.Limit = min(r.Limit, k.Limit)
	}
	return r
}

// measure finds a measure by its name, such as write_outage.
func (r Run) measure(name string) (score.Measure, bool) {
	i := slices.IndexFunc(r.Measures, func(m score.Measure) bool { return m.Metric == name })
	if i < 0 {
		return score.Measure{}, false
	}
	return r.Measures[i], true
}

// name is how a run is called in a sentence.
func (r Run) name() string {
	if r.Recording != "" {
		return r.Recording
	}
	return r.Experiment + " on " + r.Topology + " at " + r.Origin.UTC().Format("2006-01-02 15:04:05")
}

// Group is the runs that are compared as one.
type Group struct {
	Name string `json:"name"`
	Runs []Run  `json:"runs"`
}

// of are the group's runs of an experiment.
func (g Group) of(experiment string) []Run {
	var out []Run
	for _, r := range g.Runs {
		if r.Experiment == experiment {
			out = append(out, r)
		}
	}
	return out
}

// experiments are the names of all experiments of the groups, sorted.
func experiments(groups ...Group) []string {
	var out []string
	for _, g := range groups {
		for _, r := range g.Runs {
			if i, found := slices.BinarySearch(out, r.Experiment); !found {
				out = slices.Insert(out, i, r.Experiment)
			}
		}
	}
	return out
}

// By sorts runs into groups by a key: topology, version (of Gauntlet) or experiment. The groups stand in the order in which
// their first runs come.
func By(key string, runs []Run) []Group {
	of := map[string]func(Run) string{
		"topology": func(r Run) string { return r.Topology }, "version": func(r Run) string { return cmp.Or(r.Machine.Gauntlet, "unknown") },
		"experiment": func(r Run) string { return r.Experiment },
	}[strings.ToLower(key)]
	if of == nil {
		return nil
	}
	var out []Group
	for _, r := range runs {
		i := slices.IndexFunc(out, func(g Group) bool { return g.Name == of(r) })
		if i < 0 {
			i = len(out)
			out = append(out, Group{Name: of(r)})
		}
		out[i].Runs = append(out[i].Runs, r)
	}
	return out
}
