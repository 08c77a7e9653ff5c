package report

import (
	"fmt"
	"strconv"
	"strings"

	"gauntlet/experiments/score"
)

// verdictWord is the verdict in lower case.
func verdictWord(v score.Verdict) string {
	switch v {
	case score.Pass:
		return "pass"
	case score.Fail:
		return "fail"
	}
	return unknown
}

// spread prints an interval of a unit: the value and, where they differ, its bounds.
func spread(v score.Interval, unit string) string {
	s, lo, hi := quantity(v.Value, unit), quantity(v.Lo, unit), quantity(v.Hi, unit)
	if s == lo && s == hi {
		return s // no wider than what is printed
	}
	return fmt.Sprintf("%s (%s to %s)", s, lo, hi)
}

// measured prints what a measure found, or that it is unknown.
func measured(m score.Measure) string {
	if !m.Known {
		return unknown
	}
	return spread(m.Value, m.Unit)
}

// goalVerdict is the verdict of a measure's goal; a measure without a goal has none.
func goalVerdict(m score.Measure) string {
	if m.Goal == "" {
		return ""
	}
	return verdictWord(m.Verdict)
}

// remarks joins a reason and warnings into one line.
func remarks(why string, warnings []string) string {
	all := warnings
	if why != "" {
		all = append([]string{why}, warnings...)
	}
	return strings.Join(all, "; ")
}

// ungoaled are the measures that no goal of the card repeats.
func ungoaled(c score.Card) []score.Measure {
	goals := map[string]bool{}
	for _, g := range c.Goals {
		goals[g.Metric] = true
	}
	var out []score.Measure
	for _, m := range c.Measures {
		if !goals[m.Metric] {
			out = append(out, m)
		}
	}
	return out
}

// className names a class and, where there are several, its region.
func className(name, region string) string {
	if region == "" {
		return name
	}
	return name + " @ " + region
}

// scoreRange is the score, or from where to where it may be.
func scoreRange(v score.Interval) string {
	if lo, hi := points(v.Lo), points(v.Hi); lo != hi {
		return lo + " to " + hi
	}
	return points(v.Value)
}

// noEvidence names the applicable parts of the score that have no evidence.
func noEvidence(c score.Card) []string {
	var out []string
	for _, p := range c.Parts {
		if p.Applicable && !p.Known {
			out = append(out, p.Name)
		}
	}
	return out
}

// because explains why a score is an interval; "" if it is none.
func because(c score.Card) string {
	names := noEvidence(c)
	if c.Score.Lo == c.Score.Hi || len(names) == 0 {
		return ""
	}
	return "no evidence for " + strings.Join(names, ", ")
}

// stageSum is the failover time as the sum of its stages, such as "detect 3.02 + decide 0.10 = 3.12 s". The printed terms
// add up to the printed total. A stage whose end was not seen is named so; its time is in the next one.
func stageSum(h score.Hit) string {
	if h.Failover == nil || len(h.Stages) == 0 {
		return ""
	}
	raw := stageSeconds(h)
	terms := addUp(raw, h.Failover.Value, 2)
	parts := make([]string, len(h.Stages))
	for i, s := range h.Stages {
		parts[i] = s.Name + " " + strconv.FormatFloat(terms[i], 'f', 2, 64)
		if !s.Known {
			parts[i] = s.Name + " (not seen)"
		}
	}
	sum := fmt.Sprintf("%s = %.2f s", strings.Join(parts, " + "), h.Failover.Value)
	if !addsUp(raw, h.Failover.Value, 2) {
		return sum + " (the stages do not add up)"
	}
	return sum
}

func stageSeconds(h score.Hit) []float64 {
	out := make([]float64, len(h.Stages))
	for i, s := range h.Stages {
		out[i] = s.Seconds
	}
	return out
}

// steadyAgain says when the system was steady after the heal.
func steadyAgain(h score.Hit) string {
	switch {
	case h.After == nil:
		return "never seen steady again"
	case h.After.Hi == 0:
		return "steady at once after the heal"
	}
	return "steady again " + spread(*h.After, "seconds") + " after the heal"
}

// target is what a fault hit, with the roles that it had then.
func target(h score.Hit) string {
	on := strings.Join(h.On, ", ")
	if on == "" {
		on = "nothing"
	}
	if len(h.Roles) > 0 {
		on += " (" + strings.Join(h.Roles, ", ") + ")"
	}
	return on
}

// lossBound says what finding no loss in one run is worth.
func lossBound(d score.Data) string {
	if !d.Known || d.Lost > 0 || d.Bound <= 0 {
		return ""
	}
	return fmt.Sprintf("0 lost in 1 run: with 95 %% confidence at most %s of such runs lose a write", strings.Replace(percent(d.Bound), ".00 ", " ", 1))
}

// partLoss is what a part took from the score: its points, or from what to what if it has no evidence.
func partLoss(p score.Part) string {
	switch {
	case !p.Applicable:
		return ""
	case !p.Known:
		return fmt.Sprintf("%s to %s", minus(p.PointsLost.Lo), minus(p.PointsLost.Hi))
	}
	return minus(p.PointsLost.Value)
}

// minus prints lost points with their sign.
func minus(f float64) string {
	if s := points(f); s != "0.0" {
		return "-" + s
	}
	return "0.0"
}

// partReason explains a part's loss.
func partReason(p score.Part) string {
	switch {
	case !p.Applicable:
		return remarks("does not apply", some(p.Why))
	case !p.Known:
		return remarks("no evidence", some(p.Why))
	}
	return remarks(p.Quantity, some(p.Why))
}

func some(s string) []string {
	if s == "" {
		return nil
	}
	return []string{s}
}

// balanced rounds the points lost of the known parts so that what is printed adds up to 100 minus the printed score
// before caps. With an unknown part the score is no plain sum, and the terms are only rounded.
func balanced(c score.Card) []score.Part {
	parts := append([]score.Part(nil), c.Parts...)
	terms := make([]float64, len(parts))
	for i, p := range parts {
		if p.Applicable && p.Known {
			terms[i] = p.PointsLost.Value
		}
	}
	for i, t := range addUp(terms, 100-rounded(remaining(c).Value, 1), 1) {
		if parts[i].Known {
			parts[i].PointsLost.Value = t
		}
	}
	return parts
}

// remaining is 100 minus the points that the parts took: the score before caps, as an interval.
func remaining(c score.Card) score.Interval {
	out := score.Interval{Value: 100, Lo: 100, Hi: 100}
	for _, p := range c.Parts {
		if !p.Applicable {
			continue
		}
		out.Value -= p.PointsLost.Value
		out.Lo -= p.PointsLost.Hi
		out.Hi -= p.PointsLost.Lo
	}
	return out
}

// leaves says what the parts left of 100 where the printed score is another: because of a cap, or of a wrong sum.
func leaves(c score.Card) string {
	left := points(remaining(c).Value)
	switch {
	case c.Score.Lo != c.Score.Hi || len(c.Parts) == 0 || left == points(c.Score.Value):
		return ""
	case len(c.Caps) > 0:
		return left + " before caps"
	}
	return "the parts leave " + left + ": they do not add up"
}
