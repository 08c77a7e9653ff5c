package spec

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"gauntlet/compose"
	"gauntlet/experiments/monitor"
)

// Probe is a query of the user's own, asked of the Prometheus beside the run after each scrape. A goal can bound it by its name.
type Probe struct {
	Name  string
	Query string // PromQL
	Unit  string // seconds, ratio, count or bytes
	More  bool   // more is better; else less is
	Take  string // of all values over fault and recovery: one of the Take constants
}

// What is taken of a probe's values.
const (
	TakeWorst = "worst" // the highest, or the lowest where more is better
	TakeMean  = "mean"  // over time, of the worst series at each moment
	TakeLast  = "last"  // the worst series at the end
)

// Scrape is a container's metrics that are scraped beside those that the topology's own labels name.
type Scrape struct {
	Service string
	Port    int // in the container; it must be published on this machine
	Path    string
}

var (
	probeKeys   = []string{"name", "kind", "query", "unit", "better", "take"}
	scrapeKeys  = []string{"service", "port", "path"}
	probeUnits  = []string{"seconds", "ratio", "count", "bytes"}
	probeKinds  = []string{"promql"}
	probeTakes  = []string{TakeWorst, TakeMean, TakeLast}
	probeBetter = []string{"less", "more"}
)

// probes reads what is asked of Prometheus beside the built-in probes.
func (p *problems) probes(o object, load []string) []Probe {
	var out []Probe
	for _, n := range p.list(o, "probes") {
		w := p.object(n, "probe", probeKeys...)
		pr := Probe{
			Name: p.word(w, "name", "name it, such as name: orders_waiting"), Query: p.required(w, "query", "write PromQL, such as query: sum(orders_waiting)"),
			Unit: p.oneOf(w, "unit", "count", probeUnits), More: p.oneOf(w, "better", "less", probeBetter) == "more", Take: p.oneOf(w, "take", TakeWorst, probeTakes),
		}
		if p.required(w, "kind", "write kind: promql") != "" {
			p.oneOf(w, "kind", "", probeKinds)
		}
		p.probeFits(w, pr, out, load)
		out = append(out, pr)
	}
	return out
}

// probeFits checks a probe's query, and that its name is nobody else's.
func (p *problems) probeFits(w object, pr Probe, before []Probe, load []string) {
	if pr.Query != "" {
		if err := monitor.CheckQuery(pr.Query); err != nil {
			p.at(w.where("query"), "mend the PromQL; quote it if it has a colon or begins with {", "query: %v", err)
		}
	}
	_, _, taken := metric(pr.Name, load)
	switch {
	case pr.Name == "":
	case taken:
		p.at(w.where("name"), "give it another name", "probe %q has the name of a metric", pr.Name)
	case slices.ContainsFunc(before, func(b Probe) bool { return b.Name == pr.Name }):
		p.at(w.where("name"), "give each a name of its own", "probe %q is there twice", pr.Name)
	}
}

// oneOf reads a word of a list.
func (p *problems) oneOf(o object, key, fallback string, all []string) string {
	s, ok := p.scalar(o, key)
	if !ok {
		return fallback
	}
	if !slices.Contains(all, s) {
		p.at(o.where(key), among("there are", s, all), "unknown %s %q", key, s)
		return fallback
	}
	return s
}

// scrapes reads whose metrics are scraped. A service that the topology does not have is an error; an own system's are known when it runs.
func (p *problems) scrapes(o object, t compose.Topology) []Scrape {
	var out []Scrape
	for _, n := range p.list(o, "scrape") {
		w := p.object(n, "scrape", scrapeKeys...)
		s := Scrape{Service: p.required(w, "service", "name a Compose service"), Path: "/metrics"}
		p.required(w, "port", "say on which port of the container, such as port: 9100")
		s.Port = int(p.integer(w, "port", 0, 1, 65535))
		if w.has("path") {
			if s.Path = p.text(w, "path"); !strings.HasPrefix(s.Path, "/") {
				p.at(w.where("path"), "begin it with /", "path %q is not absolute", s.Path)
			}
		}
		if s.Service != "" && len(t.Services) > 0 && !slices.Contains(t.Services, s.Service) {
			p.at(w.where("service"), among("there are", s.Service, t.Services), "topology %s has no service %q", t.Name, s.Service)
		}
		out = append(out, s)
	}
	return out
}

// probeGoal reads a goal on a probe; false if its metric is none.
func (p *problems) probeGoal(n *yaml.Node, o object, name string, all []Probe) (Goal, bool) {
	i := slices.IndexFunc(all, func(pr Probe) bool { return pr.Name == name })
	if i < 0 {
		return Goal{}, false
	}
	g := Goal{Metric: name, Line: n.Line}
	p.bounds(n, o, &g, Metric{Name: name, Unit: all[i].Unit, More: all[i].More})
	return g, true
}

// words say a probe in a plan.
func (pr Probe) words() string {
	return fmt.Sprintf("%s = %s, %s of %s", pr.Name, strconv.Quote(pr.Query), pr.Take, pr.Unit)
}
