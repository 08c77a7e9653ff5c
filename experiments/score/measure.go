package score

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"gauntlet/experiments/history"
	"gauntlet/experiments/spec"
)

// measures lists all that was measured, in the order of spec.Metrics, the classes after the whole.
func measures(h *history.History, b *book, p points, c *Card) []Measure {
	var out []Measure
	for _, m := range spec.Metrics() {
		if beside(m, h, p) {
			continue
		}
		out = append(out, measure(m.Name, "", h, b, p, c))
		for _, class := range c.Classes {
			if m.PerClass && class.Region == "" {
				out = append(out, measure(m.Name, class.Name, h, b, p, c))
			}
		}
	}
	for _, pr := range b.probes {
		out = append(out, measure(pr.Name, "", h, b, p, c))
	}
	return out
}

// beside says that the run had nothing of which m could be a measure.
func beside(m spec.Metric, h *history.History, p points) bool {
	switch {
	case m.Needs == spec.NeedsQueue:
		return !has(h, "rabbitmq-leader")
	case m.Needs == spec.NeedsAlerts:
		return h.Header.Alerts == nil
	case m.Needs == spec.NeedsRegisters:
		return h.Header.Registers == nil
	}
	return m.Name == "web_cpu" && len(p.cpu) == 0 || m.Name == "cache_loads" && len(p.loads) == 0
}

// measure finds the value of a metric. Where there is no evidence it is not known, and Why says so.
func measure(name, class string, h *history.History, b *book, p points, c *Card) Measure {
	if pr, ok := b.probeOf(name); ok {
		return Measure{Metric: name, Known: b.span.length() > 0}.ofProbe(pr, p)
	}
	name, class, unit := named(name, class, c.Classes)
	m := Measure{Metric: name, Unit: unit, Known: b.span.length() > 0}
	if unit == "" {
		m.Known, m.Why = false, "this Gauntlet does not measure "+name
		return m
	}
	if class != "" {
		m.Metric = class + "_" + name
		return m.ofClass(name, class, b)
	}
	switch name {
	case "failover":
		return m.failover(c)
	case "after_effect":
		return m.after(h, b, c)
	case "lost_writes", "duplicated_writes", "misplaced_writes", "resurrected_writes", "diverged_rows":
		return m.ofData(name, c.Data)
	case "replication_lag":
		m.Known, m.Value = p.known, exactly(p.peak)
		if p.headless > 0 {
			m.Warnings = append(m.Warnings, fmt.Sprintf("while there was no primary, the last acknowledged heartbeat was up to %.2f s old", p.headless))
		}
		return m
	case "web_cpu":
		busy, known := p.webCPU()
		if m.Value, m.Known = exactly(busy), known; !known {
			m.Why = "no web node said how busy it is"
		}
		return m
	case "cache_loads":
		return m.ofLoads(p)
	case "queue_depth", "queue_age", "job_age":
		return m.ofQueue(name, p)
	case "drain":
		return m.ofDrain(c.Drain)
	case "illegal_registers", "missed_own_writes", "reads_gone_back", "staleness":
		return m.ofRegisters(name, c.Consistency)
	case "lost_jobs", "doubled_jobs":
		return m.ofJobs(name, c.Jobs)
	case "unnoticed_seconds":
		return m.ofHealth(b, h)
	case "missed_alerts", "false_alerts", "alert_delay":
		return m.ofAlerts(name, c.Alerts)
	case "score":
		m.Value = c.Score
		return m
	}
	return m.ofAll(name, b)
}

// named splits a metric such as write_outage into the metric and its class, and finds the unit; "" if there is no such metric.
func named(name, class string, classes []Class) (string, string, string) {
	for _, known := range spec.Metrics() {
		if known.Name == name {
			return name, class, known.Unit
		}
		of, ok := strings.CutSuffix(name, "_"+known.Name)
		if ok && known.PerClass && class == "" && slices.ContainsFunc(classes, func(c Class) bool { return c.Name == of }) {
			return known.Name, of, known.Unit
		}
	}
	return name, class, ""
}

// ofAll measures all classes together.
func (m Measure) ofAll(name string, b *book) Measure {
	switch name {
	case "lost_seconds":
		m.Value = b.lostSeconds()
	case "failed_requests":
		for _, meter := range b.meters {
			m.Value = m.Value.plus(meter.failed())
		}
	case "availability":
		m.Value = availability(b.lostSeconds(), b.span)
	case "outage", "longest_gap":
		for _, meter := range b.meters {
			got := m.ofClass(name, meter.Name, b)
			m.Value = m.Value.longest(got.Value)
			if !got.Known {
				m.Known, m.Why = false, got.Why
			}
		}
	default:
		m.Value = exactly(latency(name, b.baseline, b.answered).Seconds())
		m.Known = m.Known && b.answered.TotalCount() > 0
	}
	return m
}

// availability is 1 - lost seconds / length.
func availability(lost Interval, sp span) Interval {
	w := max(sp.length().Seconds(), 1e-9)
	return Interval{Value: 1 - lost.Value/w, Lo: max(0, 1-lost.Hi/w), Hi: 1 - lost.Lo/w}
}

// ofClass measures one class; of several regions the worst.
func (m Measure) ofClass(name, class string, b *book) Measure {
	found := false
	for _, meter := range b.meters {
		if meter.Name != class {
			continue
		}
		got := meter.measure(name, b.span)
		switch {
		case !found:
			m.Value, found = got, true
		case name == "availability":
			m.Value = m.Value.shortest(got)
		default:
			m.Value = m.Value.longest(got)
		}
	}
	switch {
	case !found:
		m.Known, m.Why = false, "no request of class "+class+" was recorded"
	case name == "outage" && openOutage(class, b):
		m.Known, m.Why = false, class+" requests were never served for good again: the outage is at least as long as shown"
	}
	return m
}

// openOutage says whether the class was still out when the recording ended. A bad request so near to the end that a stable
// run could not follow any more does not count: else one slow answer in the last seconds would leave every run undecided.
func openOutage(class string, b *book) bool {
	return slices.ContainsFunc(b.meters, func(m *meter) bool {
		run := max(stableTime, stableOps*m.outages.resolution)
		return m.Name == class && m.outages.open && m.outages.now.Start < m.span.to-run
	})
}

func (m *meter) measure(name string, sp span) Interval {
	lost := Interval{Value: m.LostSeconds, Lo: m.LostSeconds, Hi: m.LostSeconds + float64(m.UnknownSecs)}
	switch name {
	case "lost_seconds":
		return lost
	case "availability":
		return availability(lost, sp)
	case "outage":
		return m.longestOutage()
	case "longest_gap":
		return exactly(m.LongestGap.Seconds())
	case "failed_requests":
		return m.failed()
	}
	return exactly(latency(name, m.normal, m.judged).Seconds())
}

// longestOutage is the longest window that reaches into the judged time. Each edge is known to ± the resolution, and of the
// seconds in which the generator was at fault nobody knows whether they were bad.
func (m *meter) longestOutage() Interval {
	var out Interval
	for _, o := range m.outages.windows() {
		end := o.End
		if o.Open {
			end = m.span.to
		}
		if end <= m.span.from {
			continue
		}
		if length := (end - o.Start).Seconds(); length > out.Value {
			r := o.Resolution.Seconds()
			out = Interval{Value: length, Lo: max(0, length-2*r-m.doubted(o, end)), Hi: length + 2*r}
		}
	}
	out.Hi = max(out.Hi, m.darkest())
	return out
}

// latency reads a percentile of the answered requests.
func latency(name string, baseline, judged *hdrhistogram.Histogram) time.Duration {
	switch name {
	case "p50":
		return quantile(judged, 50)
	case "p95":
		return quantile(judged, 95)
	case "p99":
		return quantile(judged, 99)
	default: // baseline_p99
		return quantile(baseline, 99)
	}
}

// failover is the longest of all steps. If no request failed it is 0.
func (m Measure) failover(c *Card) Measure {
	m.Known = len(c.Faults) > 0
	for _, hit := range c.Faults {
		m.Known = m.Known && hit.Began != 0
		if hit.Failover != nil {
			m.Value = m.Value.longest(*hit.Failover)
		}
	}
	if i := slices.IndexFunc(c.Faults, func(hit Hit) bool { return hit.Open }); i >= 0 {
		m.Known, m.Why = false, c.Faults[i].Why
		return m
	}
	if !m.Known {
		m.Why = "there was no fault whose effect was seen"
	}
	return m
}

const notSteady = "not steady again within the recording"

// after is the longest of all steps.
func (m Measure) after(h *history.History, b *book, c *Card) Measure {
	m.Known = len(c.Faults) > 0
	for i, hit := range c.Faults {
		if hit.After == nil && overtaken(h, h.Faults[i]) {
			continue
		}
		if hit.After == nil {
			if m.Known, m.Why = false, notSteady; !watchedAfter(b, h.Faults[i]) {
				m.Why = notWatched
			}
			return m
		}
		m.Value = m.Value.longest(*hit.After)
	}
	if !m.Known {
		m.Why = "there was no fault"
	}
	return m
}

// ofAlerts counts what became of the alerts. If none was due there was none to miss or to delay: that is no success.
func (m Measure) ofAlerts(name string, all []Alert) Measure {
	var known, due, missed, wrong, told int
	var delay float64
	for _, a := range all {
		if !a.Known {
			continue
		}
		known++
		if a.Due != nil {
			due++
		}
		switch a.Verdict {
		case AlertMissed:
			missed++
		case AlertFalse:
			wrong++
		}
		if d, ok := a.Delay(); ok {
			told++
			delay = max(delay, d)
		}
	}
	switch name {
	case "missed_alerts":
		m.Known, m.Value = due > 0, exactly(float64(missed))
	case "false_alerts":
		m.Known, m.Value = known > 0, exactly(float64(wrong))
	default:
		m.Known, m.Value = told > 0, exactly(delay)
	}
	if !m.Known {
		m.Why = "no alert was due, or none could be judged"
	}
	return m
}

func (m Measure) ofData(name string, d Data) Measure {
	m.Known, m.Why = d.Known, d.Why
	count := d.Lost
	switch name {
	case "duplicated_writes":
		count = d.Duplicated
	case "misplaced_writes":
		if count = d.Misplaced; d.Known && d.Shards == 0 {
			m.Known, m.Why = false, "the writes are not spread over shards"
		}
	case "resurrected_writes":
		count = d.Resurrected
	case "diverged_rows":
		count = d.Diverged
		m.Known = m.Known && d.Why == ""
	}
	m.Value = exactly(float64(count))
	return m
}
