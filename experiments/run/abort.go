package run

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"gauntlet/experiments/spec"
	"gauntlet/loadgen"
)

// errAborted means that an abort condition of the experiment came true.
var errAborted = errors.New("abort condition")

// vigil keeps the last minutes of what clients felt, by second of due time, for the abort conditions.
type vigil struct {
	limit time.Duration

	mu      sync.Mutex
	seconds map[int64]map[string]*tally // by second, then class
}

// tally is one second of one class.
type tally struct {
	good, all int
	latencies []time.Duration
}

func newVigil(p loadgen.Profile) *vigil {
	return &vigil{limit: p.Limit, seconds: map[int64]map[string]*tally{}}
}

// sample books one request.
func (v *vigil) sample(s loadgen.Sample) {
	v.mu.Lock()
	defer v.mu.Unlock()
	at := int64(s.Due / time.Second)
	if v.seconds[at] == nil {
		v.seconds[at] = map[string]*tally{}
	}
	t := v.seconds[at][s.Class]
	if t == nil {
		t = &tally{}
		v.seconds[at][s.Class] = t
	}
	t.all++
	t.latencies = append(t.latencies, s.Latency())
	if s.Out == loadgen.OK && s.Latency() <= v.limit {
		t.good++
	}
}

// window is what is known of the last so long before now, which ends when every request that was due then has ended: a timeout
// ago. It is false while there is not that much since from.
func (v *vigil) window(class string, from, now, over, timeout time.Duration) (tally, bool) {
	end := int64((now - timeout) / time.Second)
	begin := end - int64(math.Ceil(over.Seconds()))
	v.mu.Lock()
	defer v.mu.Unlock()
	var sum tally
	for at := begin; at < end; at++ {
		for c, t := range v.seconds[at] {
			if class == "" || c == class {
				sum.good, sum.all = sum.good+t.good, sum.all+t.all
				sum.latencies = append(sum.latencies, t.latencies...)
			}
		}
	}
	for at := range v.seconds {
		if at < begin-int64(time.Minute/time.Second) {
			delete(v.seconds, at)
		}
	}
	return sum, begin >= int64(from/time.Second) && sum.all > 0
}

// p99 is the 99th percentile of the latencies.
func (t tally) p99() time.Duration {
	slices.Sort(t.latencies)
	return t.latencies[(len(t.latencies)*99-1)/100]
}

// watchAborts ends with errAborted when a condition comes true. from is when the first step begins.
func (r *runner) watchAborts(ctx context.Context, rec *recorder, from time.Duration) error {
	if len(r.exp.Aborts) == 0 {
		return nil
	}
	since := map[int]time.Duration{} // when a lag went beyond its bound, by place in the list
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		for i, a := range r.exp.Aborts {
			got, yes := r.abortNow(rec, a, from)
			if a.Metric == "replication_lag" {
				yes = lasts(since, i, yes, rec.now(), a.Over)
			}
			if yes {
				return fmt.Errorf("%w: %s (it was %s)", errAborted, a.Text, got)
			}
		}
	}
}

// abortNow says whether the condition is true, and what was seen.
func (r *runner) abortNow(rec *recorder, a spec.Abort, from time.Duration) (string, bool) {
	if a.Metric == "replication_lag" {
		lag, ok := rec.gauges.lagNow(rec.now())
		return lag.String(), ok && beyond(a, lag.Seconds()) && rec.now() > from
	}
	t, ok := rec.vigil.window(a.Class, from, rec.now(), a.Over, r.exp.Load.Timeout)
	if !ok {
		return "", false
	}
	if a.Metric == "p99" {
		p99 := t.p99()
		return p99.Round(time.Millisecond).String(), beyond(a, p99.Seconds())
	}
	share := float64(t.good) / float64(t.all)
	return fmt.Sprintf("%.2f %%", 100*share), beyond(a, share)
}

// lasts says whether something has been true for so long.
func lasts(since map[int]time.Duration, i int, yes bool, now, over time.Duration) bool {
	first, known := since[i]
	switch {
	case !yes:
		delete(since, i)
	case !known:
		since[i] = now
	}
	return yes && known && now-first >= over
}

func beyond(a spec.Abort, x float64) bool {
	return a.Below != nil && x < *a.Below || a.Above != nil && x > *a.Above
}
