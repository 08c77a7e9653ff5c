package score

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"gauntlet/experiments/history"
	"gauntlet/experiments/monitor"
)

// Alert is what became of one alert, beside what the oracle says of it.
type Alert struct {
	Name    string         `json:"name"`
	Known   bool           `json:"known"`
	Due     *time.Duration `json:"due_ns,omitempty"`      // when it should first have fired; nil: never
	DueEnd  *time.Duration `json:"due_end_ns,omitempty"`  // when it should have resolved
	Fired   *time.Duration `json:"fired_ns,omitempty"`    // when it first fired; nil: never
	Ended   *time.Duration `json:"resolved_ns,omitempty"` // when it resolved; nil: it still fired at the end, or never did
	Verdict string         `json:"verdict"`               // one of the Alert constants
	Why     string         `json:"why,omitempty"`
}

// What becomes of an alert.
const (
	AlertSilent  = "rightly silent"
	AlertInTime  = "in time"
	AlertLate    = "paged after recovery" // it fired when it should have resolved already
	AlertStuck   = "stuck"                // it fired in time and did not resolve
	AlertMissed  = "missed"
	AlertFalse   = "false alarm"
	AlertUnknown = "unknown"
)

// Thresholds of alerting. An alert that resolves so long after it should have is stuck.
const (
	delayThreshold = 30.0 // seconds
	stuckAfter     = time.Minute
	capMissedAlert = 85.0
)

// firing is the first time that an alert fired, and when none of its instances did any more.
func firing(all []history.Alert, name string) (began, ended *time.Duration) {
	on := map[string]bool{}
	for _, a := range all {
		if a.Name != name {
			continue
		}
		if a.To == monitor.Firing {
			on[a.Labels] = true
			if ended = nil; began == nil {
				began = &a.At
			}
			continue
		}
		if on[a.Labels] {
			if delete(on, a.Labels); len(on) == 0 {
				ended = &a.At
			}
		}
	}
	return began, ended
}

// alerts judges each alert of the run's rules against the oracle; nil if there were no rules.
func alerts(h *history.History, b *book) []Alert {
	if h.Header.Alerts == nil {
		return nil
	}
	rules, err := monitor.Parse(h.Header.Alerts.Files, h.Header.Alerts.Scale)
	var due []history.Alert
	if err == nil {
		due, err = oracle(h, rules, b.span.to)
	}
	var out []Alert
	for _, name := range rules.Alerts() {
		a := Alert{Name: name, Known: err == nil}
		a.Fired, a.Ended = firing(h.Alerts, name)
		if err != nil {
			a.Verdict, a.Why = AlertUnknown, err.Error()
			out = append(out, a)
			continue
		}
		a.Due, a.DueEnd = firing(due, name)
		if strange := foreign(rules.Reads(name)); len(strange) > 0 {
			a.Known, a.Due, a.DueEnd, a.Verdict = false, nil, nil, AlertUnknown
			a.Why = "nobody knows the truth of " + strings.Join(strange, ", ")
		} else {
			a.judge(b.span.to, h.Header.Alerts)
		}
		out = append(out, a)
	}
	return out
}

// foreign are the series of which the oracle knows no truth.
func foreign(reads []string) []string {
	return slices.DeleteFunc(reads, func(name string) bool { return slices.Contains(truthNames(), name) })
}

// judge compares the alert with the oracle. An alert that became due so near to the end that no Prometheus could have told yet is
// unknown.
func (a *Alert) judge(end time.Duration, r *history.AlertRules) {
	grace := 2*r.Scrape + max(monitor.Shortest, time.Duration(float64(monitor.DefaultEvery)/r.Scale))
	switch {
	case a.Due == nil && a.Fired == nil:
		a.Verdict = AlertSilent
	case a.Due == nil && *a.Fired > end:
		a.Known, a.Verdict, a.Why = false, AlertUnknown, "it fired when the load was over"
	case a.Due == nil:
		a.Verdict = AlertFalse
	case a.Fired == nil && *a.Due+grace > end:
		a.Known, a.Verdict, a.Why = false, AlertUnknown, "it was due when the run ended"
	case a.Fired == nil:
		a.Verdict = AlertMissed
	case a.DueEnd != nil && *a.Fired > *a.DueEnd:
		a.Verdict = AlertLate
	case a.DueEnd != nil && a.Ended == nil && end-*a.DueEnd > stuckAfter, a.DueEnd != nil && a.Ended != nil && *a.Ended-*a.DueEnd > stuckAfter:
		a.Verdict = AlertStuck
	default:
		a.Verdict = AlertInTime
	}
}

// Delay is how much later the alert fired than it was due, in seconds; false if it did not, or was not. Less than nothing is
// nothing: the phases of the two clocks differ.
func (a Alert) Delay() (float64, bool) {
	if a.Due == nil || a.Fired == nil {
		return 0, false
	}
	return max(0, (*a.Fired - *a.Due).Seconds()), true
}

// alertingPart is recall times precision times the utility of the median delay. Where no alert was due and none fired it does not
// apply: silence that is right proves nothing.
func alertingPart(all []Alert) Part {
	p := Part{Name: "alerting", Weight: weightAlerting, Threshold: delayThreshold, Known: true}
	var delays []float64
	var due, fired, known int
	for _, a := range all {
		if !a.Known {
			continue
		}
		known++
		if a.Due != nil {
			due++
		}
		if a.Fired != nil {
			fired++
		}
		if d, ok := a.Delay(); ok {
			delays = append(delays, d)
		}
	}
	switch {
	case len(all) == 0:
		p.Quantity, p.Why = "alerts against an oracle", "the experiment names no alert rules"
		return p
	case due+fired == 0:
		p.Quantity, p.Why = "alerts against an oracle", fmt.Sprintf("none of %d alerts was due, and none fired", known)
		return p
	}
	p.Applicable = true
	p.X = median(delays)
	p.Quantity = fmt.Sprintf("%d of %d due alerts fired, %d fired that were not due; median delay %.1f s", len(delays), due, fired-len(delays), p.X)
	p.Utility = exactly(share(len(delays), due) * share(len(delays), fired) * utility(p.X, delayThreshold))
	return p
}

// share is a ratio of counts; of nothing it is 1.
func share(n, of int) float64 {
	if of == 0 {
		return 1
	}
	return float64(n) / float64(of)
}

func median(x []float64) float64 {
	if len(x) == 0 {
		return 0
	}
	slices.Sort(x)
	return (x[(len(x)-1)/2] + x[len(x)/2]) / 2
}
