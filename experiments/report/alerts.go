package report

import (
	"time"

	"gauntlet/experiments/score"
)

// alerts prints what became of each alert, beside when the truth says that it was due.
func (p *printer) alerts(all []score.Alert) {
	if len(all) == 0 {
		return
	}
	p.title("ALERTS")
	t := newTable("alert", "was due", "fired", "resolved", "verdict", "remarks")
	for _, a := range all {
		t.add(txt(a.Name), txt(alertMoment(a.Due)), txt(alertMoment(a.Fired)), txt(alertMoment(a.Ended)), cell{a.Verdict, alertStyle(a)}, txt(alertRemark(a)))
	}
	p.table(t)
	p.para(cell{}, 2, "due: when the same rules fire over what clients felt and probes saw, in made-up time")
}

func alertStyle(a score.Alert) style {
	switch a.Verdict {
	case score.AlertSilent, score.AlertInTime:
		return green
	case score.AlertUnknown:
		return yellow
	}
	return red
}

// alertMoment is an offset from the run's beginning, or a dash.
func alertMoment(at *time.Duration) string {
	if at == nil {
		return "-"
	}
	return offset(*at)
}

func alertRemark(a score.Alert) string {
	if d, ok := a.Delay(); ok {
		return remarks(seconds(d)+" after it was due", some(a.Why))
	}
	return a.Why
}
