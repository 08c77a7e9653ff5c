package report

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"gauntlet/experiments/score"
)

// worstWindows are the window lengths that any class has, ascending.
func worstWindows(c score.Card) []time.Duration {
	var out []time.Duration
	for _, k := range c.Classes {
		for _, w := range k.Worst {
			if !slices.Contains(out, w.Window) {
				out = append(out, w.Window)
			}
		}
	}
	slices.Sort(out)
	return out
}

// worstIn is the lowest availability of a class over any window of the given length.
func worstIn(k score.Class, window time.Duration) string {
	for _, w := range k.Worst {
		if w.Window == window {
			return percent(w.Availability)
		}
	}
	return unknown
}

// shortSpan prints a window's length: "10 s".
func shortSpan(d time.Duration) string {
	if d%time.Second == 0 {
		return fmt.Sprintf("%d s", d/time.Second)
	}
	return duration(d)
}

// latency prints a quantile; there is none in a phase without answers.
func latency(d time.Duration) string {
	if d <= 0 {
		return "none"
	}
	return duration(d)
}

// outageLength is how long an outage was, or for how long at least.
func outageLength(o score.Outage) string {
	if o.Open {
		return "never ended"
	}
	return duration(o.End - o.Start)
}

func outageEnd(o score.Outage) string {
	if o.Open {
		return "open"
	}
	return offset(o.End)
}

func (p *printer) outages(c score.Card) {
	t := newTable("outage of", ">from", ">to", ">length", ">each edge +/-", ">bad", ">flaps")
	for _, k := range c.Classes {
		for _, o := range k.Outages {
			t.add(txt(className(k.Name, k.Region)), txt(offset(o.Start)), txt(outageEnd(o)), cell{outageLength(o), yellow},
				txt(duration(o.Resolution)), num(o.Bad), txt(fmt.Sprint(o.Flaps)))
		}
	}
	p.line("")
	if len(t.rows) == 1 {
		p.line("  no outage in any class")
		return
	}
	p.table(t)
}

func (p *printer) faults(c score.Card) {
	p.title("FAULTS")
	if len(c.Faults) == 0 {
		p.line("  none")
	}
	for _, h := range c.Faults {
		p.fault(h)
	}
}

func (p *printer) fault(h score.Hit) {
	p.para(cell{}, 2, fmt.Sprintf("%d. %s on %s", h.Step+1, h.Kind, target(h)))
	p.para(cell{}, 5, moments(h))
	if h.Proven {
		p.para(cell{}, 5, "proof: "+h.Proof)
		for _, note := range h.Notes {
			p.para(cell{}, 5, "note: "+note)
		}
	} else {
		p.para(cell{"     NOT PROVEN:", yellow}, 17, or(remarks(h.Why, some(h.Proof)), "its effect was not seen"))
	}
	p.failover(h)
	if h.Proven && h.Why != "" {
		p.para(cell{}, 5, h.Why)
	}
}

// moments are the times of a fault; t0 is when its effect was seen.
func moments(h score.Hit) string {
	began, healed := "effect never seen", "heal not proven"
	if h.Began > 0 {
		began = "took effect at t0 = " + offset(h.Began)
	}
	if h.Healed > 0 {
		healed = "healed " + offset(h.Healed)
	}
	return fmt.Sprintf("asked %s, %s, %s", offset(h.Asked), began, healed)
}

func (p *printer) failover(h score.Hit) {
	if h.Failover == nil {
		if h.Proven {
			p.para(cell{}, 5, "no class failed over: clients saw no outage")
		}
	} else {
		p.para(cell{}, 5, fmt.Sprintf("failover of %s %s", or(h.Class, "the class hit"), spread(*h.Failover, "seconds")))
		if s := stageSum(h); s != "" {
			p.para(cell{}, 7, s)
		}
	}
	if h.Healed > 0 {
		p.para(cell{}, 5, steadyAgain(h))
	}
}

func (p *printer) data(d score.Data) {
	p.title("DATA")
	if !d.Known {
		p.para(cell{"  unknown:", yellow}, 11, or(d.Why, "acknowledged writes were not read back"))
		return
	}
	t := newTable(">acknowledged", ">lost", ">duplicated", ">diverged", ">recovered", ">resurrected")
	t.add(num(d.Acknowledged), worse(d.Lost), worse(d.Duplicated), worse(d.Diverged), num(d.Recovered), num(d.Resurrected))
	p.table(t)
	for _, s := range dataNotes(d) {
		p.para(cell{}, 2, s)
	}
}

// worse is a count that must be 0.
func worse(n uint64) cell {
	if n == 0 {
		return num(n)
	}
	return cell{thousands(n), red}
}

// dataNotes are the sentences below the ledger's counts.
func dataNotes(d score.Data) []string {
	var out []string
	if d.Shards > 0 {
		out = append(out, fmt.Sprintf("read from %d shards; %s of the writes on one that does not own them", d.Shards, thousands(d.Misplaced)))
	}
	if d.Lost > 0 {
		out = append(out, fmt.Sprintf("the lost writes are %s of write traffic", seconds(d.RPOSeconds)))
		if len(d.LostIDs) > 0 {
			out = append(out, fmt.Sprintf("first lost ids: %s", strings.Trim(fmt.Sprint(d.LostIDs), "[]")))
		}
	}
	return append(append(out, some(lossBound(d))...), some(d.Why)...)
}

// measures prints what was measured beside the goals, such as replication lag.
func (p *printer) measures(c score.Card) {
	ms := ungoaled(c)
	if len(ms) == 0 {
		return
	}
	p.title("ALSO MEASURED")
	t := newTable("metric", "measured", "")
	for _, m := range ms {
		t.add(txt(m.Metric), txt(measured(m)), txt(remarks(m.Why, m.Warnings)))
	}
	p.table(t)
}

// sum prints the score as 100 minus what each part took.
func (p *printer) sum(c score.Card) {
	if len(c.Parts) == 0 {
		return
	}
	p.title("THE SCORE AS A SUM")
	t := newTable(">points", "part", ">weight", "why")
	t.add(txt("100.0"), txt("start"), txt(""), txt(""))
	for _, part := range balanced(c) {
		t.add(lossCell(part), txt(part.Name), txt(count(part.Weight)), txt(partReason(part)))
	}
	for _, cp := range c.Caps {
		t.add(cell{"<= " + points(cp.Limit), red}, txt("cap"), txt(""), txt(cp.Why))
	}
	t.add(cell{"= " + scoreRange(c.Score), bold}, cell{"score", bold}, txt(""), txt(remarks(because(c), some(leaves(c)))))
	p.table(t)
}

func lossCell(part score.Part) cell {
	s := partLoss(part)
	switch {
	case !part.Applicable:
		return cell{"-", faint}
	case !part.Known:
		return cell{s, yellow}
	}
	return txt(s)
}

// load prints the generator's account of itself.
func (p *printer) load(l score.Load) {
	p.title("LOAD GENERATOR")
	p.para(cell{}, 2, loadAccount(l))
	p.para(cell{}, 2, fmt.Sprintf("send lag p99 %s, largest %s; %d s void because of it or of pauses of this machine", duration(l.LagP99), duration(l.LagMax), l.VoidedSecs))
}

// loadAccount says whether every planned request was accounted for.
func loadAccount(l score.Load) string {
	if l.Accounted == l.Planned {
		return fmt.Sprintf("%s requests planned, all accounted for (ok + fail + info + missed)", thousands(l.Planned))
	}
	return fmt.Sprintf("%s requests planned, but %s accounted for (ok + fail + info + missed)", thousands(l.Planned), thousands(l.Accounted))
}

func (p *printer) warnings(all []string) {
	if len(all) == 0 {
		return
	}
	p.title("WARNINGS")
	for _, s := range all {
		p.para(cell{"  !", yellow}, 4, s)
	}
}
