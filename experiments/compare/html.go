package compare

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"math"
	"strings"
)

//go:embed page.tmpl
var pageText string

// HTML writes the report as one self-contained page without scripts, a dot for each run. It fails if w does. Whatever a
// recording says is escaped.
func HTML(w io.Writer, r Report) error {
	page, err := template.New("page").Parse(pageText)
	if err != nil {
		return fmt.Errorf("comparison page: %w", err)
	}
	v := pageView{Headline: r.headline(), Formula: r.Formula}
	for _, s := range r.sheets() {
		v.Sheets = append(v.Sheets, viewOf(s))
	}
	for _, g := range r.Groups {
		for _, run := range g.Runs {
			v.Runs = append(v.Runs, []string{g.Name, run.Experiment, run.Origin.UTC().Format("2006-01-02 15:04:05"), run.Verdict.String(), points1(run.Score.Value), run.Recording})
		}
	}
	if err := page.Execute(w, v); err != nil {
		return fmt.Errorf("write the comparison: %w", err)
	}
	return nil
}

type pageView struct {
	Headline string
	Formula  string
	Sheets   []sheetView
	Runs     [][]string
}

type sheetView struct {
	Title        string
	Notes, Below []string
	Head         []cellView
	Rows         [][]cellView
	Plots        bool
	Fold         bool
}

type cellView struct {
	Text   string
	Number bool
	Plot   *plot
	Class  string
}

func viewOf(s sheet) sheetView {
	v := sheetView{Title: s.title, Notes: s.notes, Below: s.below, Fold: s.fold}
	for _, h := range s.head {
		title, number := strings.CutPrefix(h, ">")
		v.Head = append(v.Head, cellView{Text: title, Number: number})
	}
	if len(s.plots) > 0 {
		v.Head = append(v.Head, cellView{Text: "runs"})
	}
	for i, row := range s.rows {
		var cells []cellView
		for j, c := range row {
			cells = append(cells, cellView{Text: c, Number: v.Head[j].Number, Class: classOf(c)})
		}
		if i < len(s.plots) {
			cells = append(cells, cellView{Plot: &s.plots[i]})
		}
		v.Rows = append(v.Rows, cells)
	}
	return v
}

func classOf(text string) string {
	for _, v := range []Verdict{Better, Worse, Unknown} {
		if text == string(v) || strings.HasPrefix(text, string(v)+":") {
			return string(v)
		}
	}
	return ""
}

// The plot's size in pixels.
const (
	plotWidth  = 240.0
	plotMargin = 8.0
)

// plot is a strip of dots for each group on one axis.
type plot struct {
	Width  float64
	A, B   []float64 // where the dots are
	MidA   float64   // where the medians are
	MidB   float64
	Lo, Hi string // what the axis ends are
}

// plotOf lays the runs of a difference out. An axis that ends are equal on has its dots in the middle.
func plotOf(d Difference) plot {
	p := plot{Width: plotWidth}
	lo, hi := math.Inf(1), math.Inf(-1)
	for _, s := range []Spread{d.A, d.B} {
		if s.N > 0 {
			lo, hi = min(lo, s.Min), max(hi, s.Max)
		}
	}
	if lo > hi {
		return p
	}
	at := func(x float64) float64 {
		if hi == lo {
			return plotWidth / 2
		}
		return math.Round(10*(plotMargin+(x-lo)/(hi-lo)*(plotWidth-2*plotMargin))) / 10
	}
	for _, x := range d.A.Values {
		p.A = append(p.A, at(x))
	}
	for _, x := range d.B.Values {
		p.B = append(p.B, at(x))
	}
	p.MidA, p.MidB = at(d.A.Median), at(d.B.Median)
	p.Lo, p.Hi = number(lo, d.Unit), number(hi, d.Unit)
	return p
}
