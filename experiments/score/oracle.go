package score

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"gauntlet/experiments/history"
	"gauntlet/experiments/monitor"
	"gauntlet/loadgen"
)

// The oracle knows when an alert was due: it evaluates the same rules, in made-up time, over series that nobody had to scrape. What
// clients felt becomes the load balancer's and the app's series, second by second and without gaps; an answer that never came is
// a server error. What the probes saw becomes the series that the rules saw, at each poll.

// truthBuckets are the bounds of the latency histogram in seconds, those of the app.
var truthBuckets = []float64{.001, .0025, .005, .01, .025, .05, .1, .2, .3, .5, .8, 1, 2}

// clientSecond is what clients felt in one second.
type clientSecond struct {
	byCode  map[string]float64 // by class of status
	buckets []float64
	sum     float64
}

// truthNames are the series of which the oracle knows the truth.
func truthNames() []string {
	return []string{monitor.Responses, monitor.Requests, monitor.Duration + "_bucket", monitor.Duration + "_count", monitor.Duration + "_sum", monitor.Lag, monitor.Depth, monitor.Hits, monitor.CPU}
}

// statusClass is how a load balancer that never fails would have counted the request.
func statusClass(s loadgen.Sample) string {
	switch {
	case s.Out == loadgen.OK && s.Code == 0:
		return "2xx"
	case s.Code >= 100 && s.Code < 600:
		return fmt.Sprintf("%dxx", s.Code/100)
	}
	return "5xx"
}

// truths are the seconds of the run, by the time at which requests ended. What was never sent is nobody's error.
func truths(h *history.History, seconds int) []clientSecond {
	all := make([]clientSecond, seconds)
	for i := range all {
		all[i] = clientSecond{byCode: map[string]float64{}, buckets: make([]float64, len(truthBuckets)+1)}
	}
	for s, err := range h.Samples() {
		if err != nil || s.Out == loadgen.Missed || seconds == 0 {
			continue
		}
		t := &all[min(max(0, int(s.End/time.Second)), seconds-1)]
		t.byCode[statusClass(s)]++
		took := s.Latency().Seconds()
		i, _ := slices.BinarySearch(truthBuckets, took)
		t.buckets[i]++
		t.sum += took
	}
	return all
}

// add adds b's counts.
func (t *clientSecond) add(b clientSecond) {
	for code, n := range b.byCode {
		t.byCode[code] += n
	}
	for i, n := range b.buckets {
		t.buckets[i] += n
	}
	t.sum += b.sum
}

// samples are the counters after a second.
func (t clientSecond) samples() []monitor.Sample {
	var out []monitor.Sample
	for _, code := range []string{"1xx", "2xx", "3xx", "4xx", "5xx"} {
		out = append(out,
			monitor.Sample{Name: monitor.Responses, Labels: []string{"proxy", "fe", "code", code}, Value: t.byCode[code]},
			monitor.Sample{Name: monitor.Requests, Labels: []string{"code", code}, Value: t.byCode[code]})
	}
	sum := 0.0
	for i, n := range t.buckets {
		le := math.Inf(1)
		if i < len(truthBuckets) {
			le = truthBuckets[i]
		}
		sum += n
		out = append(out, monitor.Sample{Name: monitor.Duration + "_bucket", Labels: []string{"le", bucketBound(le)}, Value: sum})
	}
	return append(out, monitor.Sample{Name: monitor.Duration + "_count", Value: sum}, monitor.Sample{Name: monitor.Duration + "_sum", Value: t.sum})
}

func bucketBound(x float64) string {
	if math.IsInf(x, 1) {
		return "+Inf"
	}
	return fmt.Sprint(x)
}

// probed are the probes' words by the second in which they were said, the last of each target.
func probed(h *history.History, seconds int) []map[[2]string]monitor.Sample {
	out := make([]map[[2]string]monitor.Sample, seconds)
	for pt, err := range h.Points() {
		name, label := monitor.SeriesOf(pt.Metric)
		i := int(pt.At / time.Second)
		if err != nil || pt.Err != "" || name == "" || i < 0 || i >= seconds {
			continue
		}
		if out[i] == nil {
			out[i] = map[[2]string]monitor.Sample{}
		}
		out[i][[2]string{pt.Metric, pt.Target}] = monitor.Sample{Name: name, Labels: []string{label, pt.Target}, Value: pt.Value}
	}
	return out
}

// oracle evaluates the rules over the truth, every second from the beginning of the load to its end. Before it nobody felt or said
// anything, and "absent" means nothing.
func oracle(h *history.History, rules monitor.Rules, to time.Duration) ([]history.Alert, error) {
	store, err := monitor.Scratch()
	if err != nil {
		return nil, err
	}
	defer store.Close()
	seconds := int(to / time.Second)
	clients, probes := truths(h, seconds), probed(h, seconds)
	eval := monitor.NewEvaluator(store, rules)
	now := clientSecond{byCode: map[string]float64{}, buckets: make([]float64, len(truthBuckets)+1)}
	var out []history.Alert
	silent := map[[2]string]int{}
	for i := loadSecond(h); i < seconds; i++ {
		now.add(clients[i])
		at := h.Header.Origin.Add(time.Duration(i+1) * time.Second)
		if err := store.Append(context.Background(), at, append(now.samples(), told(probes[i], silent)...)); err != nil {
			return nil, err
		}
		changes, err := eval.Eval(context.Background(), at)
		if err != nil {
			return nil, err
		}
		for _, c := range changes {
			out = append(out, history.Alert{At: c.At.Sub(h.Header.Origin), Name: c.Alert, Labels: c.Labels, To: c.To})
		}
	}
	return out, nil
}

// loadSecond is the second in which the load began.
func loadSecond(h *history.History) int {
	for _, p := range h.Phases {
		if p.Name == "warm" {
			return int(p.At / time.Second)
		}
	}
	return 0
}

// maxSilent is for how many seconds a probe's word holds.
const maxSilent = 2

// told are the samples of one second; a target that was silent for longer than maxSilent ends.
func told(now map[[2]string]monitor.Sample, silent map[[2]string]int) []monitor.Sample {
	var out []monitor.Sample
	for key, s := range now {
		silent[key] = 0
		out = append(out, s)
	}
	for key := range silent {
		if _, ok := now[key]; ok {
			continue
		}
		if silent[key]++; silent[key] > maxSilent {
			name, label := monitor.SeriesOf(key[0])
			out = append(out, monitor.Sample{Name: name, Labels: []string{label, key[1]}, Value: math.NaN()})
			delete(silent, key)
		}
	}
	return out
}
