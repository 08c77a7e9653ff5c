package compose

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// Overlays are the names of what can be laid over any topology.
func Overlays() []string {
	names, err := fs.Glob(files, "*.yaml")
	if err != nil {
		panic(err) // the pattern is a constant
	}
	var out []string
	for _, file := range names {
		if t, err := read(strings.TrimSuffix(file, ".yaml")); err == nil && t.overlay {
			out = append(out, t.Name)
		}
	}
	return out
}

// With lays overlays over a topology; ErrNoTopology if one does not exist. The topology's name and what clients see stay.
func (t Topology) With(names ...string) (Topology, error) {
	for _, name := range names {
		if !slices.Contains(Overlays(), name) {
			return Topology{}, fmt.Errorf("%w %q to lay over %s: there are %s", ErrNoTopology, name, t.Name, strings.Join(Overlays(), ", "))
		}
		if slices.Contains(t.Overlays, name) {
			continue
		}
		over, err := read(name)
		if err != nil {
			return Topology{}, err
		}
		t.Overlays = append(slices.Clone(t.Overlays), name)
		t.Files = append(slices.Clone(t.Files), over.Files...)
		t.checked = maps.Clone(t.checked)
		maps.Copy(t.checked, over.checked)
		t.Targets, t.Tiers, t.Services = merge(t.Targets, over.Targets), merge(t.Tiers, over.Tiers), merge(t.Services, over.Services)
	}
	return t, nil
}

func merge(names, more []string) []string {
	out := slices.Clone(names)
	for _, name := range more {
		out = appendNew(out, name)
	}
	return out
}

// scrape is a service that has metrics.
type scrape struct {
	tier    string
	where   string // its label, such as "8080 /metrics"
	address string // in the topology's network: with the variable for it, or a name
}

// address is the fixed address that a service has, else its name. A container that is stopped has no name any more, and a resolver
// that looks for it elsewhere may take long.
func address(service string, networks *yaml.Node) string {
	var fixed map[string]struct {
		Address string `yaml:"ipv4_address"`
	}
	if err := networks.Decode(&fixed); err == nil {
		for _, name := range slices.Sorted(maps.Keys(fixed)) {
			if fixed[name].Address != "" {
				return fixed[name].Address
			}
		}
	}
	return service
}

const (
	defaultScrape = 5 * time.Second // how often the overlay's Prometheus looks
	scrapeLimit   = 2 * time.Second // for an answer
)

// millis is a time as Prometheus reads it, which knows no fractions.
func millis(d time.Duration) string { return fmt.Sprintf("%dms", d.Milliseconds()) }

// The types below are a Prometheus's configuration, as far as it is used.
type (
	promConfig struct {
		Global   map[string]string `json:"global"`
		Alerting struct {
			Alertmanagers []promGroups `json:"alertmanagers"`
		} `json:"alerting"`
		RuleFiles []string     `json:"rule_files"`
		Scrape    []promScrape `json:"scrape_configs"`
	}
	promScrape struct {
		Job    string              `json:"job_name"`
		Path   string              `json:"metrics_path"`
		Params map[string][]string `json:"params,omitempty"`
		promGroups
	}
	promGroups struct {
		Static []promGroup `json:"static_configs"`
	}
	promGroup struct {
		Targets []string          `json:"targets"`
		Labels  map[string]string `json:"labels,omitempty"`
	}
)

// prometheus is the configuration of a Prometheus beside the topology, as JSON, which is YAML too. As in a run, a series' job is the
// tier and its instance the service.
func (t Topology) prometheus(network string, every time.Duration) (string, error) {
	c := promConfig{RuleFiles: []string{"/etc/prometheus/rules.yml"}, Scrape: []promScrape{}}
	c.Global = map[string]string{"scrape_interval": millis(every), "scrape_timeout": millis(min(every, scrapeLimit)), "evaluation_interval": millis(every)}
	c.Alerting.Alertmanagers = []promGroups{{[]promGroup{{Targets: []string{"alertmanager:9093"}}}}}
	for _, service := range slices.Sorted(maps.Keys(t.scraped)) {
		s := t.scraped[service]
		port, path, _ := strings.Cut(s.where, " ")
		at := strings.ReplaceAll(s.address, "${GAUNTLET_NET}", network) + ":" + port
		group := promGroups{[]promGroup{{[]string{at}, map[string]string{"job": s.tier, "instance": service}}}}
		c.Scrape = append(c.Scrape, promScrape{Job: service, Path: path, promGroups: group})
		if s.tier == "queue" { // its plain metrics are sums over all queues
			c.Scrape = append(c.Scrape, promScrape{service + "-queues", "/metrics/detailed", map[string][]string{"family": {"queue_coarse_metrics"}}, group})
		}
	}
	b, err := json.Marshal(c)
	return string(b), err
}
