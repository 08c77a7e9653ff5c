package report

import (
	"math"
	"time"
)

// Latencies are counted in buckets that grow by 2^(1/8), about 9 %, from 100 µs up: less than a pixel on the log axis on
// which they are drawn. The card's quantiles don't come from here.
const (
	histFloor   = 100 * time.Microsecond
	histPerOct  = 8
	histBuckets = 22 * histPerOct // up to 100 µs * 2^22, about 7 minutes
)

// hist is a histogram of fixed size.
type hist struct {
	counts [histBuckets]uint32
	total  uint64
	max    time.Duration
}

func (h *hist) add(d time.Duration) {
	h.counts[histIndex(d)]++
	h.total++
	h.max = max(h.max, d)
}

func histIndex(d time.Duration) int {
	if d <= histFloor {
		return 0
	}
	i := int(math.Ceil(histPerOct * math.Log2(float64(d)/float64(histFloor))))
	return min(i, histBuckets-1)
}

// merge adds what o counted.
func (h *hist) merge(o *hist) {
	if o == nil {
		return
	}
	for i, n := range o.counts {
		h.counts[i] += n
	}
	h.total += o.total
	h.max = max(h.max, o.max)
}

// quantile is the latency that the share q in (0,1] of the counted ones did not exceed, at most 9 % too large; 0 if
// nothing was counted.
func (h *hist) quantile(q float64) time.Duration {
	if h.total == 0 {
		return 0
	}
	need := uint64(math.Ceil(q * float64(h.total)))
	seen := uint64(0)
	for i, n := range h.counts {
		if seen += uint64(n); seen >= need {
			upper := time.Duration(float64(histFloor) * math.Exp2(float64(i)/histPerOct))
			return min(upper, h.max)
		}
	}
	return h.max
}
