package report

import (
	"embed"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"gauntlet/experiments/history"
	"gauntlet/experiments/probe"
	"gauntlet/experiments/score"
)

//go:embed page
var pageFiles embed.FS

// HTML writes the report, for a timeline that ReadTimeline made, as one self-contained page: no file or network is needed to read it, and scripts only add
// pointing and toggling. It fails only if w does. Whatever stands in the card or the recording is escaped.
func HTML(w io.Writer, c score.Card, t Timeline) error {
	page, err := parsePage()
	if err != nil {
		return err
	}
	v, err := view(&c, &t)
	if err != nil {
		return err
	}
	if err := page.ExecuteTemplate(w, "page.tmpl", v); err != nil {
		return fmt.Errorf("write report of %q: %w", c.Experiment, err)
	}
	return nil
}

func parsePage() (*template.Template, error) {
	page, err := template.New("page.tmpl").Funcs(template.FuncMap{
		"f": coord, "seconds": seconds, "duration": duration, "latency": latency, "percent": percent, "count": thousands, "points": points, "scoreRange": scoreRange, "list": some,
		"weight": count, "spread": spread, "measured": measured, "verdict": verdictWord, "goalVerdict": goalVerdict, "remarks": remarks,
		"offset": offset, "outageEnd": outageEnd, "outageLength": outageLength, "worstIn": worstIn, "span": shortSpan,
		"class": className, "account": loadAccount, "add": func(a, b float64) float64 { return a + b },
		"moment": alertMoment, "alertRemark": alertRemark, "upper": strings.ToUpper, "join": strings.Join, "or0": or,
	}).ParseFS(pageFiles, "page/*.tmpl")
	if err != nil {
		return nil, fmt.Errorf("report page: %w", err)
	}
	return page, nil
}

// pageView is all that the page shows.
type pageView struct {
	Card     *score.Card
	Header   history.Header
	Complete bool
	Style    template.CSS
	Script   template.JS
	Because  string
	Facts    []fact
	Axis     axis
	Lanes    lanes
	Rates    []chart
	Errors   chart
	Latency  []chart
	Lag      chart
	WAL      chart
	Queue    chart
	Cache    chart
	CPU      chart
	Own      []ownPanel
	Classes  []string
	Windows  []time.Duration
	Outages  int
	Closeups []closeup
	Parts    []partRow
	Leaves   string
	ScoreLo  float64 // of the bar
	ScoreHi  float64 // of the bar
	Measures []score.Measure
	Notes    []string // about the data
	Story    []row
	Coverage []Coverage
	Dropped  int
	Step     string
	Commands []string
	Data     pageData
	FromTo   [2]string
}

// fact is a name and a value.
type fact struct{ Name, Value string }

// axis is the strip above all panels: phases and faults by name, on the shared time axis.
type axis struct {
	Height float64
	XTicks []tick
	Phases []segment
	Faults []segment
}

// partRow is a part of the score with its piece of the falling bar.
type partRow struct {
	score.Part
	Loss, Reason string
	X, W         float64 // of the points surely lost
	MaybeX       float64
	MaybeW       float64 // of the points that are unknown
}

// pageData is what the script needs.
type pageData struct {
	From   float64            `json:"from"` // seconds
	Step   float64            `json:"step"`
	Left   float64            `json:"left"`
	Right  float64            `json:"right"`
	Width  float64            `json:"width"`
	Traces map[string][]trace `json:"traces"`
}

func view(c *score.Card, t *Timeline) (*pageView, error) {
	style, err := pageFiles.ReadFile("page/style.css")
	if err != nil {
		return nil, fmt.Errorf("report style: %w", err)
	}
	script, err := pageFiles.ReadFile("page/script.js")
	if err != nil {
		return nil, fmt.Errorf("report script: %w", err)
	}
	t.Step = max(t.Step, time.Second)
	t.To = max(t.To, t.From+t.Step)
	d := newDrawer(t, c)
	v := &pageView{
		Card: c, Header: t.Header, Complete: t.Complete, Style: template.CSS(style), Script: template.JS(script),
		Because: because(*c), Facts: facts(t), Windows: worstWindows(*c), Closeups: d.closeups(), Parts: partRows(*c), Leaves: leaves(*c),
		Measures: ungoaled(*c), Notes: slices.Concat(dataNotes(c.Data), jobNotes(c.Jobs), some(drainNote(c.Drain)), registerNotes(c.Consistency), costNotes(c.Cost)), Story: d.story(), Coverage: t.Coverage, Dropped: t.Dropped,
		Step: shortSpan(t.Step), Commands: commands(t.Header), FromTo: [2]string{offset(t.From), offset(t.To)},
	}
	v.ScoreLo, v.ScoreHi = c.Score.Lo*barUnit, c.Score.Hi*barUnit
	for _, k := range c.Classes {
		v.Outages += len(k.Outages)
	}
	v.charts(d)
	return v, nil
}

// charts draws all panels.
func (v *pageView) charts(d *drawer) {
	v.Axis, v.Lanes, v.Errors = d.axis(), d.lanes(), d.errors()
	for i, s := range d.t.Classes {
		v.Classes = append(v.Classes, className(s.Name, s.Region))
		v.Rates = append(v.Rates, d.throughput(i, s))
		v.Latency = append(v.Latency, d.latency(i, s))
	}
	v.Lag = d.gaugePanel("lag", []string{probe.ReplicationLag, probe.HeartbeatAge}, axisSeconds, "s")
	v.WAL = d.gaugePanel("wal", []string{probe.LSNDistance}, func(f float64) string { return byteSize(f) }, "B")
	v.Queue = d.gaugePanel("queue", []string{probe.QueueDepth}, count, "jobs")
	v.Cache = d.gaugePanel("cache", []string{probe.CacheHits}, percent, "")
	v.CPU = d.gaugePanel("cpu", []string{probe.WebCPU}, percent, "")
	v.Own = d.own()
	v.Data = pageData{
		From: d.t.From.Seconds(), Step: d.t.Step.Seconds(), Left: plotLeft, Right: plotRight, Width: chartWidth, Traces: map[string][]trace{},
	}
	for _, c := range append(append(append([]chart{}, v.Rates...), v.Latency...), v.Errors, v.Lag, v.WAL, v.Queue, v.Cache, v.CPU) {
		if len(c.Data) > 0 {
			v.Data.Traces[c.ID] = c.Data
		}
	}
	for _, o := range v.Own {
		v.Data.Traces[o.Chart.ID] = o.Chart.Data
	}
}

// axis draws the strip of phases and faults.
func (d *drawer) axis() axis {
	a := axis{XTicks: d.x.ticks()}
	for i, p := range d.t.Phases {
		from, to := d.t.phase(i)
		if to <= d.t.From || from >= d.t.To {
			continue
		}
		x := d.x.at(from)
		s := segment{band: band{X: x, Y: 20, W: d.x.at(to) - x, H: 16, Css: "phase"}}
		s.Title = fmt.Sprintf("%s: %s to %s", p.Name, offset(from), offset(to))
		if s.W > 6.4*float64(len(p.Name))+6 {
			s.Text = p.Name
		}
		a.Phases = append(a.Phases, s)
	}
	y := 39.0
	for _, f := range d.t.Faults {
		b, ok := d.faultBand(f.Began, f.Healed)
		if !ok {
			continue
		}
		b.Y, b.H = y, 15
		b.Title = fmt.Sprintf("fault %d: asked %s, began %s, healed %s", f.Step+1, offset(f.Asked), offset(f.Began), offset(f.Healed))
		a.Faults = append(a.Faults, segment{band: b, Text: f.Kind + " " + strings.Join(f.On, ", ")})
		y += 17
	}
	a.Height = y + 2
	return a
}

// barUnit is the length of a point of the score in its bar.
const barUnit = 3.0

// partRows lays the parts of the score out as a bar that falls from 100.
func partRows(c score.Card) []partRow {
	var out []partRow
	left := 100.0
	for _, p := range balanced(c) {
		r := partRow{Part: p, Loss: partLoss(p), Reason: partReason(p)}
		if p.Applicable {
			sure, most := p.PointsLost.Lo, p.PointsLost.Hi
			r.X, r.W = (left-sure)*barUnit, sure*barUnit
			r.MaybeX, r.MaybeW = (left-most)*barUnit, (most-sure)*barUnit
			left -= most // an unknown part may have taken all: what follows starts below
		}
		out = append(out, r)
	}
	return out
}

// facts are the lines about the run itself.
func facts(t *Timeline) []fact {
	h, m := t.Header, t.Header.Machine
	out := []fact{
		{"run", h.Experiment + " on " + h.Topology},
		{"began", h.Origin.UTC().Format("2006-01-02 15:04:05 UTC")},
		{"seed", strconv.FormatUint(h.Seed, 10)},
		{"load", fmt.Sprintf("%s requests/s planned, open loop", count(h.Rate))},
		{"time-out, limit", duration(h.Timeout) + " and " + duration(h.Limit) + ", both from the due time"},
		{"client", or(h.Client, unknown)},
		{"machine", fmt.Sprintf("%d CPUs, %s memory, %s/%s, kernel %s", m.CPUs, memory(m.MemoryBytes), or(m.OS, unknown), or(m.Arch, unknown), or(m.Kernel, unknown))},
		{"engine", fmt.Sprintf("%s, Compose %s", or(m.Engine, unknown), or(m.Compose, unknown))},
		{"Gauntlet", or(m.Gauntlet, unknown)},
	}
	for _, op := range h.Ops {
		ledger := ""
		if op.Ledger {
			ledger = ", every write remembered and read back"
		}
		out = append(out, fact{"operation " + op.Name, fmt.Sprintf("class %s, %s/s%s", op.Class, count(op.Rate), ledger)})
	}
	return out
}

// commands make the run and its report again.
func commands(h history.Header) []string {
	return []string{
		fmt.Sprintf("gauntlet run %s --seed %d", quote(h.Experiment+".yaml"), h.Seed),
		"gauntlet score DIR    # the card again, from the recording in DIR",
		"gauntlet report DIR   # this page again",
	}
}

// quote makes s one word for a shell.
func quote(s string) string {
	safe := func(r rune) bool {
		return r < 128 && (r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("._/-", r))
	}
	if strings.IndexFunc(s, func(r rune) bool { return !safe(r) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
