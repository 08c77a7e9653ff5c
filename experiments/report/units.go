package report

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// unknown is printed for whatever has no value: never a zero.
const unknown = "unknown"

// seconds prints s, in seconds, with about three digits: "3.55 s", "120 ms", "2 min 05 s".
func seconds(s float64) string {
	a := math.Abs(s)
	switch {
	case math.IsNaN(s) || math.IsInf(s, 0):
		return unknown
	case a == 0:
		return "0 s"
	case a < 0.0995:
		return significant(s*1e3, 2) + " ms"
	case a < 0.9995:
		return strconv.FormatFloat(s*1e3, 'f', 0, 64) + " ms"
	case a < 59.995:
		return strconv.FormatFloat(s, 'f', 2, 64) + " s"
	}
	return minutes(s)
}

// minutes prints s, in seconds and at least a minute long, as "2 min 05 s".
func minutes(s float64) string {
	sign := ""
	if s < 0 {
		sign, s = "-", -s
	}
	whole := int64(math.Round(s))
	rest := strconv.FormatInt(whole%60, 10)
	if len(rest) < 2 {
		rest = "0" + rest
	}
	return sign + thousands(uint64(whole/60)) + " min " + rest + " s"
}

// significant prints f with the given number of significant digits for |f| < 10 and none behind the point above.
func significant(f float64, digits int) string {
	if math.Abs(f) >= 9.95 {
		return strconv.FormatFloat(f, 'f', 0, 64)
	}
	return strconv.FormatFloat(f, 'g', digits, 64)
}

// duration prints d as seconds does.
func duration(d time.Duration) string { return seconds(d.Seconds()) }

// offset prints a moment of the run, in seconds since its origin: "41.20 s". Moments are not folded into minutes, so
// that they can be subtracted by eye and found again in the recording.
func offset(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', 2, 64) + " s" }

// percent prints a ratio in [0,1] as "99.12 %". Only 1 is printed as 100 %, only 0 as 0 %: digits are added near the ends.
func percent(r float64) string {
	switch {
	case math.IsNaN(r) || math.IsInf(r, 0):
		return unknown
	case r == 0 || r == 1:
		return strconv.FormatFloat(r*100, 'f', 0, 64) + " %"
	}
	for digits := 2; digits <= 6; digits++ {
		s := strconv.FormatFloat(r*100, 'f', digits, 64)
		if f, _ := strconv.ParseFloat(s, 64); f != 0 && f != 100 {
			return s + " %"
		}
	}
	if r < 0.5 {
		return "< 0.000001 %"
	}
	return "> 99.999999 %"
}

// thousands prints n with commas: "12,000".
func thousands(n uint64) string {
	s := strconv.FormatUint(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// count prints a number of things; fractions only where there are some.
func count(f float64) string {
	switch {
	case math.IsNaN(f) || math.IsInf(f, 0):
		return unknown
	case f >= 0 && f == math.Trunc(f) && f < 1e15:
		return thousands(uint64(f))
	}
	return strconv.FormatFloat(f, 'g', 4, 64)
}

// byteSize prints an amount of data with decimal prefixes: "1.5 MB".
func byteSize(f float64) string {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return unknown
	}
	prefixes := []string{"B", "kB", "MB", "GB", "TB"}
	i := 0
	for ; math.Abs(f) >= 1000 && i < len(prefixes)-1; i++ {
		f /= 1000
	}
	return strings.TrimSuffix(strconv.FormatFloat(f, 'f', 1, 64), ".0") + " " + prefixes[i]
}

// memory prints the size of a machine's memory: "7.8 GiB".
func memory(n int64) string {
	if n <= 0 {
		return unknown
	}
	return strconv.FormatFloat(float64(n)/(1<<30), 'f', 1, 64) + " GiB"
}

// quantity prints a value in one of the units that measures have: seconds, ratio, count, bytes; another unit is named.
func quantity(f float64, unit string) string {
	switch unit {
	case "seconds":
		return seconds(f)
	case "ratio":
		return percent(f)
	case "bytes":
		return byteSize(f)
	case "count", "":
		return count(f)
	}
	return count(f) + " " + unit
}

// points prints points of the score, which has 100, with one digit.
func points(f float64) string {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return unknown
	}
	s := strconv.FormatFloat(f, 'f', 1, 64)
	if s == "-0.0" {
		return "0.0"
	}
	return s
}

// rounded is f as it is printed with the given number of decimals.
func rounded(f float64, decimals int) float64 {
	out, err := strconv.ParseFloat(strconv.FormatFloat(f, 'f', decimals, 64), 64)
	if err != nil {
		return math.NaN()
	}
	return out
}

// addsUp says whether terms make the total, but for rounding.
func addsUp(terms []float64, total float64, decimals int) bool {
	sum := 0.0
	for _, t := range terms {
		sum += t
	}
	return math.Abs(sum-total) <= 0.5/math.Pow(10, float64(decimals))+1e-9
}

// addUp rounds terms to the given number of decimals so that the printed terms add up to the printed total: the terms
// with the largest remainders take the difference. Terms that are off by more than rounding explains are only rounded,
// for a sum that is wrong must look wrong.
func addUp(terms []float64, total float64, decimals int) []float64 {
	out := make([]float64, len(terms))
	for i, t := range terms {
		out[i] = rounded(t, decimals)
	}
	if !addsUp(terms, total, decimals) {
		return out
	}
	unit := math.Pow(10, -float64(decimals))
	for range terms {
		off := rounded(total, decimals)
		for _, t := range out {
			off -= t
		}
		if math.Abs(off) < unit/2 {
			break
		}
		nudge(out, terms, math.Copysign(unit, off))
	}
	return out
}

// nudge moves by one unit the term that was rounded furthest the other way; a term of 0 stays.
func nudge(out, terms []float64, by float64) {
	best, worst := -1, math.Inf(-1)
	for i := range out {
		err := (terms[i] - out[i]) * math.Copysign(1, by)
		if terms[i] != 0 && err > worst {
			best, worst = i, err
		}
	}
	if best >= 0 {
		out[best] += by
	}
}
