package spec

import (
	"slices"
	"strings"
)

// Metric is a quantity that a goal can bound.
type Metric struct {
	Name     string
	Unit     string // seconds, ratio in [0,1], count or points of 100
	PerClass bool   // may be bound for one operation class: <class>_<name>
	Doc      string
}

// Metrics lists what goals can bound. All are over the fault and recovery phases unless they say otherwise.
func Metrics() []Metric {
	return []Metric{
		{"availability", "ratio", true, "1 - lost seconds / length of fault and recovery"},
		{"lost_seconds", "seconds", true, "sum over slots of the share of bad requests, times the slot's length"},
		{"outage", "seconds", true, "longest outage window: due time of the first bad request to completion of the first of a stable run"},
		{"longest_gap", "seconds", true, "longest time without a good completion"},
		{"p50", "seconds", true, "median latency from due time"},
		{"p95", "seconds", true, "95th percentile of latency from due time"},
		{"p99", "seconds", true, "99th percentile of latency from due time"},
		{"baseline_p99", "seconds", true, "99th percentile of latency in the baseline"},
		{"failover", "seconds", false, "effect of the fault to the first request of a stable run; the longest of all steps"},
		{"after_effect", "seconds", false, "heal to steady state: 99 % good and p99 within the limit for 10 s"},
		{"lost_writes", "count", false, "acknowledged writes that are absent after the heal"},
		{"duplicated_writes", "count", false, "writes with more than one effect"},
		{"resurrected_writes", "count", false, "writes that certainly failed and are there all the same"},
		{"diverged_rows", "count", false, "writes on which a caught-up replica differs from the primary"},
		{"replication_lag", "seconds", false, "highest replication lag of any replica"},
		{"score", "points", false, "the experiment's score"},
	}
}

// metric finds a metric, with the class that its name begins with, such as write_outage; false if there is none.
func metric(name string, classes []string) (Metric, string, bool) {
	for _, m := range Metrics() {
		if m.Name == name {
			return m, "", true
		}
		class, ok := strings.CutSuffix(name, "_"+m.Name)
		if ok && m.PerClass && slices.Contains(classes, class) {
			return m, class, true
		}
	}
	return Metric{}, "", false
}

// metricNames are all names that metric accepts.
func metricNames(classes []string) []string {
	var out []string
	for _, m := range Metrics() {
		out = append(out, m.Name)
		if m.PerClass {
			for _, c := range classes {
				out = append(out, c+"_"+m.Name)
			}
		}
	}
	return out
}
