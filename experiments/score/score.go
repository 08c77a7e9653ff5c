package score

import (
	"fmt"
	"slices"

	"gauntlet/experiments/history"
	"gauntlet/experiments/spec"
)

// Score judges a recording of an experiment. The same recording gives the same card, bit for bit.
func Score(e spec.Experiment, h *history.History) Card {
	c, _ := judged(e, h, nil) // only changes can be refused
	return c
}

// judged makes the card, as if the changes were so.
func judged(e spec.Experiment, h *history.History, changes []Change) (Card, error) {
	c := Card{Formula: Formula, Experiment: h.Header.Experiment, Topology: h.Header.Topology, Claim: e.Claim}
	b := keep(e, h)
	p := readPoints(h, b.span, e.Probes)
	c.Load = b.load(h)
	for _, m := range b.meters {
		m.finish()
	}
	c.Data = data(b, h)
	c.Containers = containers(h, b.span, p)
	c.Cost = cost(h, b, p)
	c.Jobs = jobs(b, h)
	c.Drain = drain(h, b)
	c.Consistency = consistency(h)
	c.Faults = hits(b, h, p)
	for _, ch := range changes {
		if err := ch.replace(h, b, &p, &c); err != nil {
			return Card{}, err
		}
	}
	for _, m := range b.meters {
		c.Classes = append(c.Classes, m.Class)
	}
	c.Alerts = alerts(h, b)
	c.Parts = parts(e, h, b, p, &c)
	c.Caps = caps(h, b, &c)
	doubt := doubts(e, h, b, p, c.Load)
	c.total(len(doubt) > 0, possibleCap(h, b, &c))
	c.Measures = measures(h, b, p, &c)
	c.Goals = goals(e, h, b, p, &c)
	c.judge(failures(h), doubt)
	c.warn(h)
	return c, nil
}

// total adds the parts up. Where the evidence is in doubt the score is anything from 0 to 100; a cap that only a lack of
// evidence keeps away limits the lower end.
func (c *Card) total(doubt bool, possible float64) {
	c.Score = exactly(100)
	for _, p := range c.Parts {
		c.Score.Value -= p.PointsLost.Value
		c.Score.Lo -= p.PointsLost.Hi
		c.Score.Hi -= p.PointsLost.Lo
	}
	limit := 100.0
	for _, k := range c.Caps {
		limit = min(limit, k.Limit)
	}
	c.Score = Interval{Value: clamp(c.Score.Value, limit), Lo: clamp(c.Score.Lo, min(limit, possible)), Hi: clamp(c.Score.Hi, limit)}
	if doubt {
		c.Score.Lo, c.Score.Hi = 0, 100
	}
	c.Grade = Grade(c.Score.Lo, len(c.Caps) > 0)
}

// clamp keeps a sum of rounded terms in [0, limit].
func clamp(x, limit float64) float64 { return max(0, min(x, limit)) }

// goals judges each goal of the experiment.
func goals(e spec.Experiment, h *history.History, b *book, p points, c *Card) []Measure {
	var out []Measure
	for _, g := range e.Goals {
		m := measure(g.Metric, g.Class, h, b, p, c)
		m.Goal = g.Text
		m.Verdict = verdictOf(m, g)
		if m.Verdict == Fail && m.Unit != "count" && stalled(h) {
			m.Verdict, m.Why = Unknown, "missed, but on a machine that was too busy to tell whose doing that was"
		}
		if m.Verdict == Unknown && m.Why == "" {
			m.Why = "the bound lies inside of the measured interval"
			if !m.Known {
				m.Why = "not measured"
			}
		}
		out = append(out, m)
	}
	return out
}

// stalled says whether the machine itself was too busy: what was slow then may be its doing. Counts of data are not.
func stalled(h *history.History) bool {
	return slices.ContainsFunc(h.Notes, func(n history.Note) bool { return n.Kind == history.NoteStall })
}

// verdictOf compares the whole interval with the bound. Where the bound lies inside of it, the evidence does not decide.
func verdictOf(m Measure, g spec.Goal) Verdict {
	lo, hi := m.Value.Lo, m.Value.Hi
	switch {
	case !m.Known && m.Metric == "after_effect" && g.AtMost != nil && m.Why == notSteady:
		return Fail // longer than the recording is longer than any bound that it could have shown
	case !m.Known && g.AtMost != nil && lo > *g.AtMost:
		return Fail // what is known of it is too long already
	case !m.Known:
		return Unknown
	case g.AtMost != nil && hi <= *g.AtMost, g.AtLeast != nil && lo >= *g.AtLeast:
		return Pass
	case g.AtMost != nil && lo > *g.AtMost, g.AtLeast != nil && hi < *g.AtLeast:
		return Fail
	default:
		return Unknown
	}
}

// judge gives the verdict: fail beats unknown beats pass. The reasons stand with the worst first.
func (c *Card) judge(failures, doubts []string) {
	verdicts := []Verdict{Pass}
	for _, f := range failures {
		verdicts, c.Why = append(verdicts, Fail), append(c.Why, f)
	}
	var unsure []string
	for _, g := range c.Goals {
		verdicts = append(verdicts, g.Verdict)
		switch g.Verdict {
		case Fail:
			c.Why = append(c.Why, fmt.Sprintf("goal missed: %s %s", g.Metric, g.Goal))
		case Unknown:
			unsure = append(unsure, fmt.Sprintf("goal undecided: %s %s: %s", g.Metric, g.Goal, g.Why))
		}
	}
	c.Why = append(c.Why, unsure...)
	for _, d := range doubts {
		verdicts, c.Why = append(verdicts, Unknown), append(c.Why, d)
	}
	c.Verdict = worst(verdicts...)
}

// warn adds what a reader should know beside the numbers.
func (c *Card) warn(h *history.History) {
	if c.Data.Why != "" && c.Data.Known {
		c.Warnings = append(c.Warnings, c.Data.Why)
	}
	if c.Data.Known && c.Data.Lost == 0 && c.Data.Acknowledged > 0 {
		c.Warnings = append(c.Warnings, fmt.Sprintf("0 lost writes in 1 run only bounds the chance of a loss per run below %.0f %% (95 %% confidence)", 100*c.Data.Bound))
	}
	for _, hit := range c.Faults {
		for _, s := range hit.Stages {
			if !s.Known {
				c.Warnings = append(c.Warnings, fmt.Sprintf("step %d: the end of stage %s was not seen (%s); its time is in the next", hit.Step+1, s.Name, s.Evidence))
			}
		}
	}
	if c.Load.VoidedSecs > 0 {
		c.Warnings = append(c.Warnings, fmt.Sprintf("%d judged seconds are void, because the load generator was behind or this machine paused; what they hide is in the intervals", c.Load.VoidedSecs))
	}
	for _, n := range h.Notes {
		if n.Kind == history.NoteInfo || n.Kind == history.NoteJanitor {
			c.Warnings = append(c.Warnings, n.Text)
		}
	}
}
