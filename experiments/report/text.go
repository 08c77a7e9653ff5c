package report

import (
	"fmt"
	"io"
	"strings"

	"gauntlet/experiments/score"
)

// TextOptions say how a card looks on a terminal.
type TextOptions struct {
	Color bool // ANSI colours; words carry the meaning without them
	Width int  // columns at which sentences wrap, from 60 to 100; 0 is 100. Tables take what they need, about 95
}

// Text writes the card for a terminal: the verdict and its reasons first, then what was measured, then what it is worth.
// It fails only if w does.
func Text(w io.Writer, c score.Card, opt TextOptions) error {
	p := &printer{color: opt.Color, width: clampWidth(opt.Width)}
	p.verdict(c)
	p.goals(c)
	p.clients(c)
	p.outages(c)
	p.faults(c)
	p.data(c.Data)
	p.notes("JOBS", append(jobNotes(c.Jobs), some(drainNote(c.Drain))...))
	p.notes("REGISTERS", registerNotes(c.Consistency))
	p.alerts(c.Alerts)
	p.measures(c)
	p.containers(c.Containers)
	p.notes("COST", costNotes(c.Cost))
	p.sum(c)
	p.load(c.Load)
	p.warnings(c.Warnings)
	if _, err := io.WriteString(w, p.out.String()); err != nil {
		return fmt.Errorf("write card as text: %w", err)
	}
	return nil
}

func clampWidth(w int) int {
	if w == 0 {
		return 100
	}
	return min(max(w, 60), 100)
}

// printer gathers the text of one card.
type printer struct {
	out   strings.Builder
	color bool
	width int
}

func (p *printer) line(s string) { p.out.WriteString(s + "\n") }

// title opens a section.
func (p *printer) title(s string) {
	p.line("")
	p.line(p.paint(cell{s, bold}))
}

// para writes s, wrapped, each line indented; the first may begin with a label that stands in the indent.
func (p *printer) para(label cell, indent int, s string) {
	for i, line := range wrap(clean(s), p.width-indent) {
		head := strings.Repeat(" ", indent)
		if i == 0 && label.text != "" {
			head = p.paint(label) + strings.Repeat(" ", max(indent-len(label.text), 1))
		}
		p.line(strings.TrimRight(head+line, " "))
	}
}

func verdictStyle(v score.Verdict) style {
	switch v {
	case score.Pass:
		return green
	case score.Fail:
		return red
	}
	return yellow
}

func verdictCell(v score.Verdict) cell { return cell{verdictWord(v), verdictStyle(v)} }

// verdict is the head of the card.
func (p *printer) verdict(c score.Card) {
	word := cell{strings.ToUpper(verdictWord(c.Verdict)), verdictStyle(c.Verdict)}
	p.para(word, 9, c.Experiment+" on "+c.Topology)
	if c.Claim != "" {
		p.para(cell{"claim", faint}, 9, c.Claim)
	}
	for i, why := range c.Why {
		label := cell{"", plain}
		if i == 0 {
			label = cell{"because", faint}
		}
		p.para(label, 9, why)
	}
	p.para(cell{"score", faint}, 9, fmt.Sprintf("%s of 100, grade %s", scoreRange(c.Score), or(c.Grade, "none")))
	if s := because(c); s != "" {
		p.para(cell{}, 9, s)
	}
	for _, cp := range c.Caps {
		p.para(cell{}, 9, fmt.Sprintf("capped at %s: %s", points(cp.Limit), cp.Why))
	}
}

func or(s, fallback string) string {
	if s == "" {
		return fallback
	}
	return s
}

func (p *printer) goals(c score.Card) {
	p.title("GOALS")
	if len(c.Goals) == 0 {
		p.line("  none stated")
		return
	}
	t := newTable("metric", "goal", "measured", "verdict", "remarks")
	plainRemarks := true
	for _, g := range c.Goals {
		r := remarks(g.Why, g.Warnings)
		plainRemarks = plainRemarks && r == ""
		t.add(txt(g.Metric), txt(or(g.Goal, "none")), txt(measured(g)), verdictCell(g.Verdict), txt(r))
	}
	if plainRemarks {
		t.rows[0][4].text = ""
	}
	p.table(t)
}

// clients prints what each class felt: first how requests ended, then how long they took.
func (p *printer) clients(c score.Card) {
	p.title("WHAT CLIENTS FELT")
	if len(c.Classes) == 0 {
		p.line("  nothing: no requests were recorded")
		return
	}
	t := newTable("class", ">planned", ">ok", ">fail", ">info", ">missed", ">slow", ">lost", ">available", ">longest gap")
	for _, k := range c.Classes {
		t.add(txt(className(k.Name, k.Region)), num(k.Planned), num(k.OK), bad(k.Fail), bad(k.Info), bad(k.Missed), bad(k.Slow),
			txt(seconds(k.LostSeconds)), txt(percent(k.Availability)), txt(duration(k.LongestGap)))
	}
	p.table(t)
	p.line("")
	p.latencies(c)
}

func (p *printer) latencies(c score.Card) {
	windows := worstWindows(c)
	titles := []string{"class", ">p50 before", ">in fault", ">p99 before", ">in fault"}
	for _, w := range windows {
		titles = append(titles, ">worst "+shortSpan(w))
	}
	t := newTable(append(titles, ">unknown")...)
	for _, k := range c.Classes {
		row := []cell{txt(className(k.Name, k.Region)), txt(latency(k.P50)), txt(latency(k.FaultP50)), txt(latency(k.P99)), txt(latency(k.FaultP99))}
		for _, w := range windows {
			row = append(row, txt(worstIn(k, w)))
		}
		t.add(append(row, voided(k.UnknownSecs))...)
	}
	p.table(t)
}

func num(n uint64) cell { return txt(thousands(n)) }

// bad is a count that should be 0.
func bad(n uint64) cell {
	if n == 0 {
		return num(n)
	}
	return cell{thousands(n), yellow}
}

// voided is a number of seconds about which the load generator cannot speak.
func voided(n int) cell {
	if n <= 0 {
		return txt("0 s")
	}
	return cell{fmt.Sprintf("%d s", n), yellow}
}
