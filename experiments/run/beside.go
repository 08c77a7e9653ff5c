package run

import (
	"slices"

	"gauntlet/compose"
	"gauntlet/experiments/monitor"
)

// options are what compose needs beside the topology; where Prometheus stands beside it, also its rules, made for it.
func (o Options) options(t compose.Topology) (compose.Options, error) {
	out := compose.Options{PortBase: o.PortBase, Log: o.Observer.Say}
	if len(t.Overlays) == 0 {
		return out, nil
	}
	rules, err := monitor.Beside(o.Scale, slices.Contains(t.Roles, "postgres-replica"), slices.Contains(t.Tiers, "lb"))
	if err != nil {
		return out, err
	}
	out.Scrape = rules.Scrape()
	out.Rules, err = rules.Text()
	return out, err
}
