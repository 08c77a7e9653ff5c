package loadgen

import (
	"math"
	"sort"
	"time"
)

// curve is a rate over time, as the number of requests that are due before a time and its inverse. Times are nanoseconds from
// the start of the load, in float64, which keeps whole ones up to 104 days.
type curve interface {
	count(t float64) float64
	when(x float64) float64 // the time at which the count reaches x; +Inf if it never does
	rate(t float64) float64 // requests per nanosecond
}

// curve is the shape around a base rate in requests per second; nil for a constant one.
func (s Shape) curve(rate float64) curve {
	switch {
	case len(s.Stages) > 0:
		return newLines(s.Stages)
	case s.Sine != Sine{}:
		return wave{mean: rate / 1e9, swing: s.Sine.Swing / 1e9, turn: 2 * math.Pi / float64(s.Sine.Period)}
	default:
		return nil
	}
}

// line is a piece of a curve on which the rate goes straight.
type line struct {
	from, before float64 // time at its start and count up to it
	rate, slope  float64 // at its start, per ns, and change per ns
}

// lines is a rate that is piecewise straight; the last piece is level and never ends.
type lines []line

func newLines(stages []Stage) lines {
	var out lines
	var t, n float64
	for _, s := range stages {
		lasts, from, to := float64(s.For), s.From/1e9, s.To/1e9
		out = append(out, line{from: t, before: n, rate: from, slope: (to - from) / lasts})
		t, n = t+lasts, n+lasts*(from+to)/2
	}
	return append(out, line{from: t, before: n, rate: stages[len(stages)-1].To / 1e9})
}

func (c lines) at(t float64) line {
	i := sort.Search(len(c), func(i int) bool { return c[i].from > t })
	return c[max(0, i-1)]
}

func (c lines) count(t float64) float64 {
	l := c.at(t)
	d := max(0, t-l.from)
	return l.before + d*(l.rate+l.slope*d/2)
}

func (c lines) rate(t float64) float64 {
	l := c.at(t)
	return l.rate + l.slope*max(0, t-l.from)
}

// when solves before + rate*d + slope*d*d/2 = x for d, in the form that loses nothing for a small slope. Of the times during
// which nothing is due it gives the last: a request waits until there is a rate again.
func (c lines) when(x float64) float64 {
	i := sort.Search(len(c), func(i int) bool { return c[i].before > x })
	l := c[max(0, i-1)]
	d := x - l.before
	if d <= 0 && l.rate+l.slope > 0 {
		return l.from
	}
	root := l.rate + math.Sqrt(max(0, l.rate*l.rate+2*l.slope*d))
	if root <= 0 {
		return math.Inf(1)
	}
	return l.from + 2*d/root
}

// wave is a rate that swings around a mean: mean + swing*sin(turn*t).
type wave struct{ mean, swing, turn float64 }

func (w wave) count(t float64) float64 { return w.mean*t + w.swing/w.turn*(1-math.Cos(w.turn*t)) }

func (w wave) rate(t float64) float64 { return w.mean + w.swing*math.Sin(w.turn*t) }

// when follows the tangent, but stays between two times that enclose the answer. The count never runs ahead of the mean by
// more than 2*swing/turn, nor behind it at all.
func (w wave) when(x float64) float64 {
	high := x / w.mean
	low := high - 2*w.swing/(w.turn*w.mean)
	t := (low + high) / 2
	for range 100 {
		miss := w.count(t) - x
		if miss > 0 {
			high = t
		} else {
			low = t
		}
		next := t - miss/w.rate(t)
		if !(next > low && next < high) {
			next = (low + high) / 2
		}
		if math.Abs(next-t) < 0.01 || high-low < 0.01 {
			return max(0, next)
		}
		t = next
	}
	return max(0, t)
}

// peak is the highest rate in requests per second that a profile's curve reaches.
func (p Profile) peak() float64 {
	top := p.Rate + p.Shape.Sine.Swing
	if len(p.Shape.Stages) > 0 {
		top = 0
		for _, s := range p.Shape.Stages {
			top = max(top, s.From, s.To)
		}
	}
	return top
}

// RateAt is the planned rate of all operations together at a time from the start of the load, in requests per second. For a
// trace it is that of the second around it.
func (p Profile) RateAt(t time.Duration) float64 {
	if tr := p.Shape.Trace; len(tr) > 0 {
		from := sort.Search(len(tr), func(i int) bool { return tr[i].At >= t-time.Second/2 })
		to := sort.Search(len(tr), func(i int) bool { return tr[i].At >= t+time.Second/2 })
		return float64(to - from)
	}
	if c := p.Shape.curve(p.Rate); c != nil {
		return c.rate(float64(t)) * 1e9
	}
	return p.Rate
}
