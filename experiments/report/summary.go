package report

import (
	"fmt"
	"io"
	"strings"
	"time"

	"gauntlet/experiments/score"
)

// Result is a scored run as CI systems want it.
type Result struct {
	Card      score.Card
	Recording string        // folder, "" if there is none
	Began     time.Time     // wall time
	Took      time.Duration // of the whole run
	Err       string        // why it could not be carried out, or what is left behind; "" if all went well
}

// Check is one thing that a gate over several runs looked at.
type Check struct {
	Suite   string // experiment and topology
	Name    string
	Verdict score.Verdict
	Text    string
}

// Quantity prints a value in one of the units that measures have, with about three digits: seconds, ratio, count, bytes;
// another unit is named.
func Quantity(f float64, unit string) string { return quantity(f, unit) }

// Summary writes the results as Markdown, such as for the step summary of a CI job: a line for each run, then what failed or
// stayed unknown and why, then the gate. It fails if w does.
func Summary(w io.Writer, results []Result, gate []Check) error {
	var b strings.Builder
	b.WriteString("## Gauntlet: " + tally(results, gate) + "\n\n")
	b.WriteString("| verdict | experiment | topology | score | grade | recording |\n|---|---|---|---:|---|---|\n")
	for _, r := range results {
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s |\n", mark(r.verdict()), inline(r.Card.Experiment), inline(r.Card.Topology),
			r.score(), or(r.Card.Grade, "none"), inline(or(r.Recording, "none")))
	}
	for _, r := range results {
		if r.verdict() != score.Pass {
			b.WriteString("\n### " + inline(r.suite()) + ": " + verdictWord(r.verdict()) + "\n\n")
			for _, why := range r.reasons() {
				b.WriteString("- " + inline(why) + "\n")
			}
			b.WriteString(goalTable(r.Card.Goals))
		}
	}
	if len(gate) > 0 {
		b.WriteString("\n### Gate\n\n| verdict | experiment | check | |\n|---|---|---|---|\n")
		for _, c := range gate {
			fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", mark(c.Verdict), inline(c.Suite), inline(c.Name), inline(c.Text))
		}
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("write the summary: %w", err)
	}
	return nil
}

// verdict is the card's; a run that could not be carried out is never a pass.
func (r Result) verdict() score.Verdict {
	if r.Err != "" && r.Card.Verdict == score.Pass {
		return score.Unknown
	}
	return r.Card.Verdict
}

// score is the score, or that there is none.
func (r Result) score() string {
	if len(r.Card.Parts) == 0 {
		return "none"
	}
	return scoreRange(r.Card.Score)
}

func (r Result) suite() string { return r.Card.Experiment + " on " + r.Card.Topology }

func (r Result) reasons() []string { return append(some(r.Err), r.Card.Why...) }

// tally is the headline: the gate's verdict where there is one, else how the runs ended.
func tally(results []Result, gate []Check) string {
	counts := map[score.Verdict]int{}
	for _, r := range results {
		counts[r.verdict()]++
	}
	s := fmt.Sprintf("%d passed, %d failed, %d unknown", counts[score.Pass], counts[score.Fail], counts[score.Unknown])
	if len(gate) == 0 {
		return s
	}
	worst := score.Pass
	for _, c := range gate {
		if c.Verdict == score.Fail || worst == score.Fail {
			worst = score.Fail
		} else if c.Verdict == score.Unknown {
			worst = score.Unknown
		}
	}
	return fmt.Sprintf("gate %s (%s)", verdictWord(worst), s)
}

func mark(v score.Verdict) string {
	switch v {
	case score.Pass:
		return "✅ pass"
	case score.Fail:
		return "❌ fail"
	}
	return "❔ unknown"
}

func goalTable(goals []score.Measure) string {
	if len(goals) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString("\n| goal | measured | verdict |\n|---|---|---|\n")
	for _, g := range goals {
		fmt.Fprintf(&b, "| %s %s | %s | %s |\n", inline(g.Metric), inline(g.Goal), inline(measured(g)), mark(g.Verdict))
	}
	return b.String()
}

// inline keeps a text on one line and from being read as Markdown or HTML.
func inline(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "|", "\\|", "*", "\\*", "_", "\\_", "`", "\\`", "[", "\\[").Replace(clean(s))
}
