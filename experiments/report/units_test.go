package report

import (
	"math"
	"testing"
	"time"
)

func TestUnits(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{seconds(0), "0 s"}, {seconds(0.0004), "0.4 ms"}, {seconds(0.0012), "1.2 ms"}, {seconds(0.012), "12 ms"}, {seconds(0.12), "120 ms"},
		{seconds(0.9999), "1.00 s"}, {seconds(3.549), "3.55 s"}, {seconds(59.999), "1 min 00 s"}, {seconds(125), "2 min 05 s"}, {seconds(math.NaN()), "unknown"}, {seconds(math.Inf(1)), "unknown"},
		{percent(1), "100 %"}, {percent(0), "0 %"}, {percent(0.9912), "99.12 %"}, {percent(0.99999), "99.999 %"}, {percent(0.999999), "99.9999 %"}, {percent(0.00001), "0.001 %"}, {percent(1 - 1e-12), "> 99.999999 %"},
		{thousands(0), "0"}, {thousands(999), "999"}, {thousands(1000), "1,000"}, {thousands(1234567), "1,234,567"},
		{byteSize(0), "0 B"}, {byteSize(1500), "1.5 kB"}, {byteSize(2e9), "2 GB"}, {memory(8 << 30), "8.0 GiB"}, {memory(0), "unknown"},
		{count(12), "12"}, {count(0.5), "0.5"}, {quantity(3, "parsecs"), "3 parsecs"},
		{offset(61234 * time.Millisecond), "61.23 s"}, {points(-0.01), "0.0"}, {quote("a b's"), `'a b'\''s'`}, {quote("x-1.yaml"), "x-1.yaml"},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}

func TestAddUp(t *testing.T) {
	for _, c := range []struct {
		terms []float64
		total float64
	}{
		{[]float64{3.021, 0.1, 0.149, 0.084, 0.195}, 3.549}, {[]float64{1.005, 1.005, 1.004}, 3.014}, {[]float64{0.333, 0.333, 0.334}, 1},
		{[]float64{0.004, 0.004, 0.004}, 0.012}, {nil, 0}, {[]float64{0, 0}, 0},
	} {
		sum := 0.0
		for i, f := range addUp(c.terms, c.total, 2) {
			sum += f
			if math.Abs(f-c.terms[i]) > 0.0101 {
				t.Errorf("%v: term %v was printed as %v", c.terms, c.terms[i], f)
			}
		}
		if math.Abs(sum-math.Round(c.total*100)/100) > 1e-9 {
			t.Errorf("%v: printed terms add up to %v, want %v", c.terms, sum, c.total)
		}
	}
	if got := addUp([]float64{1, 1}, 5, 2); got[0] != 1 || got[1] != 1 {
		t.Errorf("a wrong sum was made to look right: %v", got)
	}
}
