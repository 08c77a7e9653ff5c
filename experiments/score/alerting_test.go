package score

import (
	"strings"
	"testing"
	"time"

	"gauntlet/experiments/history"
	"gauntlet/experiments/monitor"
)

const errorRule = `groups:
  - name: test
    interval: 1s
    rules:
      - alert: Errors
        expr: sum(rate(haproxy_frontend_http_responses_total{code="5xx"}[5s])) / sum(rate(haproxy_frontend_http_responses_total[5s])) > 0.01
        for: 5s
`

// alerted is a run of which all requests fail from 12 s on for the given time, with the rules and with what a Prometheus said.
func alerted(t *testing.T, rules string, outage time.Duration, said ...history.Alert) Card {
	t.Helper()
	s := newSynth(load{class: "read", rate: 100})
	s.step("kill", "", 12*time.Second, 32*time.Second, "web1")
	s.wrong("*", "500", 12*time.Second, 12*time.Second+outage)
	s.header.Alerts = &history.AlertRules{Files: []monitor.File{{Name: "test.yaml", Text: rules}}, Scale: 1, Scrape: time.Second}
	for _, a := range said {
		s.add(history.Event{Alert: &a})
	}
	return s.score(t)
}

func fires(at float64) history.Alert {
	return history.Alert{At: time.Duration(at * float64(time.Second)), Name: "Errors", To: monitor.Firing}
}

func resolves(at float64) history.Alert {
	return history.Alert{At: time.Duration(at * float64(time.Second)), Name: "Errors", To: monitor.Inactive}
}

func partOf(c Card, name string) Part {
	for _, p := range c.Parts {
		if p.Name == name {
			return p
		}
	}
	return Part{}
}

// The outage of 15 s begins at 12 s: more than 1 % of the answers are errors from then on until the range of 5 s has passed over its
// end, so that the alert is due at about 18 s and resolves at about 32 s.
func TestAlertsAreJudgedByTheTruth(t *testing.T) {
	for _, c := range []struct {
		name    string
		outage  time.Duration
		said    []history.Alert
		verdict string
		applies bool
		least   float64 // utility
		most    float64
	}{
		{"in time", 15 * time.Second, []history.Alert{fires(19), resolves(33)}, AlertInTime, true, 0.95, 1},
		{"slow", 15 * time.Second, []history.Alert{fires(28), resolves(33)}, AlertInTime, true, 0.6, 0.9},
		{"missed", 15 * time.Second, nil, AlertMissed, true, 0, 0},
		{"after recovery", 15 * time.Second, []history.Alert{fires(40), resolves(45)}, AlertLate, true, 0.5, 0.8},
		{"false", 0, []history.Alert{fires(19), resolves(33)}, AlertFalse, true, 0, 0},
		{"silent", 0, nil, AlertSilent, false, 0, 1},
		{"too short", 300 * time.Millisecond, nil, AlertSilent, false, 0, 1}, // the range of 5 s sees it for less than "for"
	} {
		t.Run(c.name, func(t *testing.T) {
			card := alerted(t, errorRule, c.outage, c.said...)
			if len(card.Alerts) != 1 || card.Alerts[0].Verdict != c.verdict {
				t.Fatalf("alerts = %+v, want %s", card.Alerts, c.verdict)
			}
			p := partOf(card, "alerting")
			if p.Applicable != c.applies || p.Utility.Value < c.least || p.Applicable && p.Utility.Value > c.most {
				t.Errorf("part = %+v, want it to apply: %v, with a utility in [%g, %g]", p, c.applies, c.least, c.most)
			}
			if capped := card.Score.Value <= capMissedAlert && len(card.Caps) > 0; (c.verdict == AlertMissed) != capped {
				t.Errorf("score %v, caps %v", card.Score, card.Caps)
			}
		})
	}
}

func TestDueIsWhenTheRuleFiresOverTheTruth(t *testing.T) {
	a := alerted(t, errorRule, 15*time.Second).Alerts[0]
	if a.Due == nil || *a.Due < 17*time.Second || *a.Due > 20*time.Second {
		t.Errorf("due at %v, want 5 s after the first errors at 12 s", a.Due)
	}
	if a.DueEnd == nil || *a.DueEnd < 31*time.Second || *a.DueEnd > 34*time.Second {
		t.Errorf("due until %v, want 5 s after the last errors at 27 s", a.DueEnd)
	}
}

func TestRulesOverUnknownSeriesHaveNoOracle(t *testing.T) {
	a := alerted(t, strings.ReplaceAll(errorRule, "haproxy_frontend_http_responses_total", "nginx_requests"), 15*time.Second, fires(20)).Alerts[0]
	if a.Known || a.Verdict != AlertUnknown || !strings.Contains(a.Why, "nginx_requests") {
		t.Errorf("alert = %+v, want unknown", a)
	}
}

func TestAnAlertThatDoesNotResolveIsStuck(t *testing.T) {
	at := func(seconds int) *time.Duration { d := time.Duration(seconds) * time.Second; return &d }
	for _, c := range []struct {
		ended   *time.Duration
		verdict string
	}{{nil, AlertStuck}, {at(120), AlertStuck}, {at(50), AlertInTime}} {
		a := Alert{Known: true, Due: at(10), DueEnd: at(40), Fired: at(12), Ended: c.ended}
		if a.judge(5*time.Minute, &history.AlertRules{Scale: 1, Scrape: time.Second}); a.Verdict != c.verdict {
			t.Errorf("resolved %v: %s, want %s", c.ended, a.Verdict, c.verdict)
		}
	}
}
