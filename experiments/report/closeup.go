package report

import (
	"fmt"
	"strconv"
	"time"

	"gauntlet/experiments/probe"
	"gauntlet/experiments/score"
)

// closeup shows one fault from near: the failover as a bar of its stages, and what was seen meanwhile.
type closeup struct {
	Number   int
	Name     string // kind and target
	Moments  string
	Hit      score.Hit
	Failover string // with its interval; "" if nothing failed over
	Sum      string // of the stages
	Steady   string
	Height   float64
	Ticks    []tick
	Stages   []stageBar
	Dots     []dot
	Rows     []row // what the dots are
}

// stageBar is a stage of the failover.
type stageBar struct {
	band
	Name, Text string // Text is the label inside the bar, "" where there is no room
	Seconds    string
	Evidence   string
}

// row is one event in a table.
type row struct {
	N              int
	At, After      string // moment of the run, and since t0
	Who, What, How string
}

// maxCloseup bounds the events that are numbered in a close-up.
const maxCloseup = 16

// closeups draws all faults of the card.
func (d *drawer) closeups() []closeup {
	var out []closeup
	for _, h := range d.card.Faults {
		out = append(out, d.closeup(h))
	}
	return out
}

func (d *drawer) closeup(h score.Hit) closeup {
	c := closeup{Number: h.Step + 1, Name: h.Kind + " on " + target(h), Moments: moments(h), Hit: h, Sum: stageSum(h)}
	if h.Healed > 0 {
		c.Steady = steadyAgain(h)
	}
	if h.Failover == nil || h.Began <= 0 {
		return c
	}
	c.Failover = spread(*h.Failover, "seconds")
	length := time.Duration(h.Failover.Value * float64(time.Second))
	x := xscale{h.Began, h.Began + max(length, time.Millisecond)}
	c.stages(h, x)
	c.events(d.t.Changes, x)
	c.Ticks = sinceTicks(x)
	return c
}

// stages draws the bar.
func (c *closeup) stages(h score.Hit, x xscale) {
	terms := addUp(stageSeconds(h), h.Failover.Value, 2)
	at := x.from
	for i, s := range h.Stages {
		next := at + time.Duration(s.Seconds*float64(time.Second))
		b := stageBar{Name: s.Name, Evidence: s.Evidence, Seconds: strconv.FormatFloat(terms[i], 'f', 2, 64) + " s"}
		if !s.Known {
			b.Seconds, b.Evidence = "not seen", remarks("its time is in the next stage", some(s.Evidence))
		}
		b.band = band{X: x.at(at), W: x.at(next) - x.at(at), Css: fmt.Sprintf("s%d", i%6), Title: s.Name + " " + b.Seconds}
		if text := s.Name + " " + b.Seconds; b.W > 7.4*float64(len(text))+10 {
			b.Text = text
		} else if b.W > 7.4*float64(len(s.Name))+10 {
			b.Text = s.Name
		}
		c.Stages = append(c.Stages, b)
		at = next
	}
}

// events numbers the changes that were seen within the failover.
func (c *closeup) events(all []change, x xscale) {
	top := 12.0
	levels := []float64{}
	for _, e := range all {
		if e.At < x.from || e.At > x.to || len(c.Rows) >= maxCloseup || e.What == probe.Health {
			continue
		}
		n := len(c.Rows) + 1
		at := x.at(e.At)
		level := freeLevel(&levels, at)
		c.Dots = append(c.Dots, dot{X: at, Y: top + 19*float64(level), Label: strconv.Itoa(n), Title: changeText(e)})
		c.Rows = append(c.Rows, changeRow(n, e, x.from))
	}
	c.Height = top + 19*float64(max(len(levels), 1)) + 34
}

// freeLevel is the first level whose last dot is far enough to the left.
func freeLevel(levels *[]float64, x float64) int {
	for i, last := range *levels {
		if x-last >= 22 {
			(*levels)[i] = x
			return i
		}
	}
	*levels = append(*levels, x)
	return len(*levels) - 1
}

// sinceTicks counts from t0.
func sinceTicks(x xscale) []tick {
	var out []tick
	for _, t := range (xscale{0, x.to - x.from}).fine() {
		out = append(out, tick{At: t.At, Label: t.Label})
	}
	return out
}

// fine are ticks for a few seconds: at most eleven, down to 10 ms.
func (x xscale) fine() []tick {
	length := (x.to - x.from).Seconds()
	step := 3600.0
	for _, s := range []float64{0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 60, 300} {
		if length/s <= 10 {
			step = s
			break
		}
	}
	var out []tick
	for i := 0; float64(i)*step <= length+1e-9; i++ {
		s := float64(i) * step
		out = append(out, tick{At: x.at(time.Duration(s * float64(time.Second))), Label: "+" + strconv.FormatFloat(s, 'g', 4, 64) + " s"})
	}
	return out
}

func changeText(c change) string {
	g := laneGroup{what: c.What, target: c.Target}
	return fmt.Sprintf("%s: %s, before: %s", laneLabel(g), stateName(c.To), stateName(c.From))
}

// changeRow is a change as a line of a table. t0 < 0 is: no fault came before.
func changeRow(n int, c change, t0 time.Duration) row {
	g := laneGroup{what: c.What, target: c.Target}
	return row{
		N: n, At: offset(c.At), After: since(c.At, t0), Who: laneLabel(g),
		What: stateName(c.From) + " → " + stateName(c.To),
		How:  "not before " + offset(c.After),
	}
}

// since is a moment counted from a fault.
func since(at, t0 time.Duration) string {
	if t0 < 0 {
		return ""
	}
	return fmt.Sprintf("%+.2f s", (at - t0).Seconds())
}
