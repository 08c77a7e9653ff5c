package report

import (
	"errors"
	"math"
	"testing"
	"time"

	"gauntlet/experiments/history"
	"gauntlet/experiments/probe"
	"gauntlet/loadgen"
)

func TestTimelineCountsEverySample(t *testing.T) {
	tl := runTimeline(t)
	var planned, ends, bad, kinds uint64
	for _, s := range tl.Classes {
		for _, b := range s.Slices {
			planned += uint64(b.Planned)
			ends += uint64(b.Good + b.Slow + b.Fail + b.Info + b.Missed)
			bad += uint64(b.Slow + b.Fail + b.Info + b.Missed)
		}
	}
	for _, k := range tl.Errors {
		kinds += k.Total
	}
	if want := uint64(len(samples())); planned != want || ends != want || kinds != bad || bad == 0 {
		t.Errorf("planned %d, ends %d, want %d; bad %d, by kind %d", planned, ends, want, bad, kinds)
	}
}

func TestTimelineVoidsLateSeconds(t *testing.T) {
	tl := runTimeline(t)
	for i := range tl.Classes[0].Slices {
		if got, want := tl.voided(i), i == 112; got != want {
			t.Errorf("second %d voided: %v, want %v", i, got, want)
		}
	}
}

// So are seconds in which the machine paused, of all classes, but for those after the load.
func TestTimelineVoidsPauses(t *testing.T) {
	end := history.Event{End: &history.End{Pauses: []probe.Pause{{From: sec(1.2), To: sec(2.1)}, {From: sec(90), To: sec(91)}}}}
	load := []loadgen.Sample{{Class: "read", Out: loadgen.OK}, {Class: "write", Out: loadgen.OK, Due: sec(3.9), Sent: sec(3.9), End: sec(3.95)}}
	tl, err := ReadTimeline(all(minimal(end)), all(load))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range tl.Classes {
		for i, s := range c.Slices {
			if want := i == 1 || i == 2; s.Voided != want {
				t.Errorf("%s: second %d voided: %v, want %v", c.Name, i, s.Voided, want)
			}
		}
	}
}

// minimal is a recording with one header.
func minimal(more ...history.Event) []history.Event {
	return append([]history.Event{{Header: &history.Header{Version: history.Version, Limit: 500 * time.Millisecond}}}, more...)
}

func TestTimelineKeepsGaps(t *testing.T) {
	points := []probe.Point{
		{Metric: probe.ReplicationLag, Target: "db2", At: sec(0.5), Value: 0.1}, {Metric: probe.ReplicationLag, Target: "db2", At: sec(0.7), Value: 0},
		{Metric: probe.ReplicationLag, Target: "db2", At: sec(1.5), Err: "timeout"}, {Metric: probe.ReplicationLag, Target: "db2", At: sec(3.5), Value: 0},
	}
	var events []history.Event
	for _, p := range points {
		events = append(events, history.Event{Point: &p})
	}
	load := []loadgen.Sample{{Class: "read", Out: loadgen.OK}, {Class: "read", Out: loadgen.OK, Due: sec(3.9), Sent: sec(3.9), End: sec(3.95)}}
	tl, err := ReadTimeline(all(minimal(events...)), all(load))
	if err != nil {
		t.Fatal(err)
	}
	g := tl.Gauges[0]
	if g.Max[0] != 0.1 || !math.IsNaN(g.Max[1]) || g.Failed[1] != 1 || !math.IsNaN(g.Max[2]) || g.Max[3] != 0 {
		t.Errorf("got %v with failures %v, want 0.1, gap, gap, 0", g.Max, g.Failed)
	}
}

func TestTimelineIsBounded(t *testing.T) {
	day := 24 * 3600
	load := func(yield func(loadgen.Sample, error) bool) {
		for i := range day {
			due := time.Duration(i) * time.Second
			if !yield(loadgen.Sample{Class: "read", Out: loadgen.OK, Due: due, Sent: due, End: due + 5*time.Millisecond}, nil) {
				return
			}
		}
	}
	tl, err := ReadTimeline(all(minimal()), load)
	if err != nil {
		t.Fatal(err)
	}
	planned := 0
	for _, b := range tl.Classes[0].Slices {
		planned += int(b.Planned)
	}
	if n := len(tl.Classes[0].Slices); n > maxSlices || planned != day || tl.Step != 128*time.Second {
		t.Errorf("%d slices of %v with %d requests, want at most %d of 128 s with %d", n, tl.Step, planned, maxSlices, day)
	}
}

func TestTimelineErrors(t *testing.T) {
	if _, err := ReadTimeline(all([]history.Event{}), all(samples())); !errors.Is(err, ErrNoHeader) {
		t.Errorf("without a header: got %v, want %v", err, ErrNoHeader)
	}
	broken := errors.New("checksum")
	bad := func(yield func(loadgen.Sample, error) bool) { yield(loadgen.Sample{}, broken) }
	if _, err := ReadTimeline(all(events()), bad); !errors.Is(err, broken) {
		t.Errorf("broken samples: got %v, want %v", err, broken)
	}
}

func TestHist(t *testing.T) {
	var h hist
	for i := 1; i <= 1000; i++ {
		h.add(time.Duration(i) * time.Millisecond)
	}
	for q, want := range map[float64]float64{0.5: 0.5, 0.99: 0.99, 1: 1} {
		if got := h.quantile(q).Seconds(); got < want || got > want*1.1 {
			t.Errorf("quantile %v is %v s, want %v s or up to 9 %% more", q, got, want)
		}
	}
	h.add(time.Hour)
	if h.max != time.Hour || h.quantile(1) > time.Hour {
		t.Errorf("max %v", h.max)
	}
}
