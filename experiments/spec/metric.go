package spec

import (
	"fmt"
	"slices"
	"strings"
)

// Metric is a quantity that a goal can bound.
type Metric struct {
	Name     string
	Unit     string // seconds, ratio (in [0,1]), count or points (of 100)
	More     bool   // more is better, so that goals say at_least; else less is better
	PerClass bool   // may be bound for one operation class: <class>_<name>
	Needs    Need   // without it there is never evidence, so that a goal on it is refused
	Doc      string
}

// Need is what an experiment must have for a metric to be measured at all. Its text says what.
type Need string

// The needs of metrics. The empty one is no need.
const (
	NeedsStep      Need = "a step"
	NeedsLedger    Need = "an operation with ledger: true"
	NeedsReplica   Need = "a topology with the role postgres-replica"
	NeedsQueue     Need = "a topology with the role rabbitmq-leader"
	NeedsAlerts    Need = "alerts, such as alerts: [reference]"
	NeedsRegisters Need = "registers, such as registers: {}"
)

// Metrics lists what goals can bound. All are over the fault and recovery phases unless they say otherwise.
func Metrics() []Metric {
	return []Metric{
		{"availability", "ratio", true, true, "", "1 - lost seconds / length of fault and recovery"},
		{"lost_seconds", "seconds", false, true, "", "sum over slots of the share of bad requests, times the slot's length"},
		{"failed_requests", "count", false, true, "", "requests that failed, whose effect is unknown, or that could not be sent in time; slow ones are none"},
		{"outage", "seconds", false, true, "", "longest outage window: due time of the first bad request to completion of the first of a stable run"},
		{"longest_gap", "seconds", false, true, "", "longest time without a good completion"},
		{"p50", "seconds", false, true, "", "median latency from due time"},
		{"p95", "seconds", false, true, "", "95th percentile of latency from due time"},
		{"p99", "seconds", false, true, "", "99th percentile of latency from due time"},
		{"baseline_p99", "seconds", false, true, "", "99th percentile of latency in the baseline"},
		{"failover", "seconds", false, false, NeedsStep, "effect of the fault to the first request of a stable run; the longest of all steps"},
		{"after_effect", "seconds", false, false, NeedsStep, "heal to steady state: 99 % good and p99 within the limit for 10 s"},
		{"lost_writes", "count", false, false, NeedsLedger, "acknowledged writes that are absent after the heal"},
		{"duplicated_writes", "count", false, false, NeedsLedger, "writes with more than one effect"},
		{"resurrected_writes", "count", false, false, NeedsLedger, "writes that certainly failed and are there all the same"},
		{"diverged_rows", "count", false, false, NeedsLedger, "writes on which a caught-up replica differs from the primary"},
		{"replication_lag", "seconds", false, false, NeedsReplica, "highest replication lag of any replica"},
		{"queue_depth", "count", false, false, NeedsQueue, "most jobs that waited for a worker at one time, in the outbox and in the broker"},
		{"queue_age", "seconds", false, false, NeedsQueue, "highest age of the oldest job in the outbox"},
		{"job_age", "seconds", false, false, NeedsQueue, "highest age of the oldest write whose job was not done: in the outbox, in the broker or in a worker's hands"},
		{"queue_drain", "seconds", false, false, NeedsQueue, "from when most jobs waited until fewer than 100 did"},
		{"lost_jobs", "count", false, false, NeedsQueue, "acknowledged writes whose job had no effect within 30 s after the load"},
		{"doubled_jobs", "count", false, false, NeedsQueue, "writes whose job had more than one effect"},
		{"web_cpu", "ratio", false, false, "", "mean share of its processors that the busiest web node used"},
		{"cache_loads", "count", false, false, "", "most fetches from the database within a second to fill the cache, of all web nodes together"},
		{"unnoticed_seconds", "count", false, false, "", "seconds in which more than 1 % of requests were bad while health checks had every server up"},
		{"missed_alerts", "count", false, false, NeedsAlerts, "alerts that were due, by what clients felt, and never fired; unknown if none was due"},
		{"false_alerts", "count", false, false, NeedsAlerts, "alerts that fired and were never due"},
		{"alert_delay", "seconds", false, false, NeedsAlerts, "longest time from when an alert was due until it fired"},
		{"illegal_registers", "count", false, false, NeedsRegisters, "shared registers whose history is not linearizable"},
		{"missed_own_writes", "count", false, false, NeedsRegisters, "reads of a session that did not show what it had written (read your writes)"},
		{"reads_gone_back", "count", false, false, NeedsRegisters, "reads of a session that showed an older value than one before (monotonic reads)"},
		{"staleness", "seconds", false, false, NeedsRegisters, "longest time for which a value had been overwritten when a session was shown it"},
		{"score", "points", true, false, "", "the experiment's score"},
	}
}

// Better says which is better, more or less.
func (m Metric) Better() string {
	if m.More {
		return "more"
	}
	return "less"
}

// example is a bound as it could be written.
func (m Metric) example() string {
	key := "at_most: "
	if m.More {
		key = "at_least: "
	}
	switch m.Unit {
	case "seconds":
		return key + "10s"
	case "ratio":
		return key + "0.99"
	case "points":
		return key + "80"
	default:
		return key + "0"
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

// unknownMetric says what to write instead of name.
func unknownMetric(name string, classes []string) string {
	var plain, all []string
	for _, m := range Metrics() {
		plain, all = append(plain, m.Name), append(all, m.Name)
		if !m.PerClass {
			continue
		}
		plain[len(plain)-1] += "*"
		for _, c := range classes {
			all = append(all, c+"_"+m.Name)
		}
	}
	if near := nearest(name, all); near != "" {
		return fmt.Sprintf("did you mean %q?", near)
	}
	return fmt.Sprintf("there are: %s; those with * also for one class of the load (%s), such as write_outage",
		strings.Join(plain, ", "), strings.Join(classes, ", "))
}
