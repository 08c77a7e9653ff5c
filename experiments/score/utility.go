package score

import "math"

// utility maps a "less is better" quantity x with threshold t > 0 to [0,1], in decades from the threshold: at the threshold
// 0.6, ten times better 1, ten times worse 0.3, a hundred times worse 0. Nothing (x <= 0) is 1.
//
//	u = clip(0.6 + 0.4·log10(t/x), 0.6, 1)  for x <= t
//	u = clip(0.6 - 0.3·log10(x/t), 0, 0.6)  for x > t
func utility(x, t float64) float64 {
	if x <= 0 {
		return 1
	}
	if x <= t {
		return min(1, 0.6+0.4*math.Log10(t/x))
	}
	return max(0, 0.6-0.3*math.Log10(x/t))
}

// utilities maps an interval of x; the larger x is, the smaller the utility.
func utilities(x Interval, t float64) Interval {
	return Interval{Value: utility(x.Value, t), Lo: utility(x.Hi, t), Hi: utility(x.Lo, t)}
}

// exactly is an interval without width.
func exactly(x float64) Interval { return Interval{x, x, x} }

// Grade is the letter of a score: A from 90, B from 75, C from 60, D from 40, else F. Under a cap it is C at best.
func Grade(points float64, capped bool) string {
	switch {
	case points >= 90 && !capped:
		return "A"
	case points >= 75 && !capped:
		return "B"
	case points >= 60:
		return "C"
	case points >= 40:
		return "D"
	default:
		return "F"
	}
}

// longest is the greater of two quantities, each of which is known to lie in its interval.
func (i Interval) longest(j Interval) Interval {
	return Interval{Value: max(i.Value, j.Value), Lo: max(i.Lo, j.Lo), Hi: max(i.Hi, j.Hi)}
}

// shortest is the lesser of two quantities, each of which is known to lie in its interval.
func (i Interval) shortest(j Interval) Interval {
	return Interval{Value: min(i.Value, j.Value), Lo: min(i.Lo, j.Lo), Hi: min(i.Hi, j.Hi)}
}

// atMost is the interval with all of it above limit cut off.
func (i Interval) atMost(limit float64) Interval {
	return Interval{Value: min(limit, i.Value), Lo: min(limit, i.Lo), Hi: min(limit, i.Hi)}
}
