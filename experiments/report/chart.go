package report

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// All charts share one width and one time axis, in the units of their SVG view box.
const (
	chartWidth = 1080.0
	plotLeft   = 104.0
	plotRight  = 962.0
)

// chart is a drawn panel: everything in it is text and coordinates, so that the template stays simple.
type chart struct {
	ID, Class   string // Class is toggled by the reader; "" is always shown
	Title, Note string
	Height      float64
	Top, Bottom float64 // of the plot
	XTicks      []tick
	YTicks      []tick
	Bands       []band  // behind the data
	Curves      []curve // in drawing order
	Hatches     []band  // in front of the data: no evidence
	Labels      []tick  // direct labels where the lines end
	Limit       *tick   // a threshold line
	Legend      []legend
	Data        []trace
	Empty       string // why there is nothing to draw
}

// tick is a place on an axis. A direct label also has X, where it begins, and Css, its colour.
type tick struct {
	At, X float64
	Label string
	Css   string
}

// band is a rectangle; X is its left edge.
type band struct {
	X, Y, W, H float64
	Css, Title string
}

// curve is a path.
type curve struct{ D, Css, Title string }

// legend explains a colour.
type legend struct{ Css, Label string }

// trace is what the reader sees when pointing at a moment: one value per slice, nil where there is none.
type trace struct {
	Name string     `json:"name"`
	Unit string     `json:"unit"`
	V    []*float64 `json:"v"`
}

// xscale maps moments of the run to the horizontal axis.
type xscale struct{ from, to time.Duration }

func (x xscale) at(t time.Duration) float64 {
	t = min(max(t, x.from), x.to)
	return plotLeft + (plotRight-plotLeft)*float64(t-x.from)/float64(max(x.to-x.from, 1))
}

// ticks are at round moments, seven to fifteen of them.
func (x xscale) ticks() []tick {
	steps := []float64{1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400, 43200, 86400}
	step := steps[len(steps)-1]
	for _, s := range steps {
		if (x.to-x.from).Seconds()/s <= 15 {
			step = s
			break
		}
	}
	var out []tick
	for s := math.Ceil(x.from.Seconds()/step) * step; s <= x.to.Seconds(); s += step {
		at := time.Duration(s * float64(time.Second))
		out = append(out, tick{At: x.at(at), Label: moment(at, step >= 60)})
	}
	return out
}

// moment labels the time axis: seconds, or minutes where ticks are whole minutes.
func moment(at time.Duration, inMinutes bool) string {
	if inMinutes {
		return strconv.FormatInt(int64(at/time.Minute), 10) + " min"
	}
	return strconv.FormatInt(int64(at/time.Second), 10) + " s"
}

// yscale maps values to the vertical axis.
type yscale struct {
	lo, hi      float64 // hi > lo; lo > 0 if log
	top, bottom float64
	log         bool
}

func (y yscale) at(v float64) float64 {
	v = min(max(v, y.lo), y.hi)
	share := (v - y.lo) / (y.hi - y.lo)
	if y.log {
		share = math.Log(v/y.lo) / math.Log(y.hi/y.lo)
	}
	return y.bottom - share*(y.bottom-y.top)
}

// linear is an axis from 0 to a round number not below most.
func linear(most, top, bottom float64) yscale {
	hi := 1.0
	if most > 1 {
		mag := math.Pow(10, math.Floor(math.Log10(most)))
		for _, m := range []float64{1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10} {
			if hi = m * mag; hi >= most {
				break
			}
		}
	}
	return yscale{lo: 0, hi: hi, top: top, bottom: bottom}
}

// logarithmic is an axis of at least two decades around the values from least to most, both > 0. An end stays a little
// away from the values, so that no line runs along the border.
func logarithmic(least, most, top, bottom float64) yscale {
	lo := math.Pow(10, math.Floor(math.Log10(least)))
	hi := math.Pow(10, math.Ceil(math.Log10(most*1.05)))
	if hi/lo < 99 {
		hi = lo * 100
	}
	return yscale{lo: lo, hi: hi, top: top, bottom: bottom, log: true}
}

// ticks labels an axis: decades, or the ends and the middle.
func (y yscale) ticks(label func(float64) string) []tick {
	var out []tick
	if !y.log {
		for _, v := range []float64{y.lo, (y.lo + y.hi) / 2, y.hi} {
			out = append(out, tick{At: y.at(v), Label: label(v)})
		}
		return out
	}
	decades := math.Round(math.Log10(y.hi / y.lo))
	every := math.Ceil(decades / 5)
	for d := 0.0; d <= decades; d += every {
		v := y.lo * math.Pow(10, d)
		out = append(out, tick{At: y.at(v), Label: label(v)})
	}
	return out
}

// axisSeconds labels a decade of seconds: "10 ms", "1 s".
func axisSeconds(s float64) string {
	d := time.Duration(math.Round(s * 1e9))
	for _, u := range []struct {
		of   time.Duration
		name string
	}{{time.Second, " s"}, {time.Millisecond, " ms"}, {time.Microsecond, " µs"}} {
		if d >= u.of {
			return strconv.FormatFloat(float64(d)/float64(u.of), 'f', -1, 64) + u.name
		}
	}
	return "0"
}

func axisRate(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) + "/s" }

// path writes SVG path data with one decimal.
type path struct{ b strings.Builder }

func coord(f float64) string { return strconv.FormatFloat(f, 'f', 1, 64) }

func (p *path) to(cmd string, x, y float64) { p.b.WriteString(cmd + coord(x) + " " + coord(y)) }

func (p *path) String() string { return p.b.String() }

// slotted draws values that hold for a whole slice each.
type slotted struct {
	x          xscale
	y          yscale
	step       time.Duration
	first, end int
}

func (s slotted) edge(i int) float64 { return s.x.at(time.Duration(i) * s.step) }

// line is a stepped line; it breaks where value has none.
func (s slotted) line(value func(i int) (float64, bool)) string {
	var p path
	drawing := false
	for i := s.first; i < s.end; i++ {
		v, ok := value(i)
		if !ok {
			drawing = false
			continue
		}
		cmd := "M"
		if drawing {
			cmd = "L"
		}
		p.to(cmd, s.edge(i), s.y.at(v))
		p.b.WriteString("H" + coord(s.edge(i+1)))
		drawing = true
	}
	return p.String()
}

// area is the stepped area between two values; slices where they are equal are left out.
func (s slotted) area(lower, upper func(i int) float64) string {
	var p path
	for i := s.first; i < s.end; {
		if upper(i) <= lower(i) {
			i++
			continue
		}
		from := i
		for ; i < s.end && upper(i) > lower(i); i++ {
			cmd := "L"
			if i == from {
				cmd = "M"
			}
			p.to(cmd, s.edge(i), s.y.at(upper(i)))
			p.b.WriteString("H" + coord(s.edge(i+1)))
		}
		for j := i - 1; j >= from; j-- {
			p.to("L", s.edge(j+1), s.y.at(lower(j)))
			p.b.WriteString("H" + coord(s.edge(j)))
		}
		p.b.WriteString("Z")
	}
	return p.String()
}

// dodge moves labels so that none is nearer than gap to the next, and all stay between top and bottom.
func dodge(labels []tick, gap, top, bottom float64) []tick {
	order := make([]*tick, len(labels))
	for i := range labels {
		order[i] = &labels[i]
	}
	for i := 1; i < len(order); i++ {
		for j := i; j > 0 && order[j].At < order[j-1].At; j-- {
			order[j], order[j-1] = order[j-1], order[j]
		}
	}
	next := top
	for _, t := range order {
		t.At = max(t.At, next)
		next = t.At + gap
	}
	limit := bottom
	for i := len(order) - 1; i >= 0; i-- {
		order[i].At = min(order[i].At, limit)
		limit = order[i].At - gap
	}
	return labels
}
