package loadgen

import (
	"context"
	"fmt"
	"math"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sync/errgroup"

	"gauntlet/loadgen/faketarget"
)

// inMadeUpTime runs a load against a scripted server in memory, where time passes only while everybody waits. The library,
// the pools and the deadlines are the real ones; the network and the clock are not, so nothing of a result is noise.
// It also fails, by synctest, if a goroutine is left behind.
func inMadeUpTime(t *testing.T, p Profile, start, length time.Duration, script []faketarget.Step) (got []Sample, planned map[string]uint64, truth faketarget.Counts) {
	synctest.Test(t, func(t *testing.T) {
		s := faketarget.StartInMemory()
		origin := time.Now()
		var both errgroup.Group
		both.Go(func() error { return s.Play(t.Context(), origin, script...) })
		both.Go(func() error {
			rep, err := runOver(t.Context(), s.Dial, p, Target{Base: s.URL(), Origin: origin, Start: start, Length: length}, func(x Sample) { got = append(got, x) })
			planned = rep.Planned
			return err
		})
		if err := both.Wait(); err != nil {
			t.Error(err)
		}
		s.Close()
		truth = s.Counts()
	})
	return got, planned, truth
}

// percentiles of the latencies: p90, p95 and p99.
func percentiles(got []Sample) (out [3]time.Duration) {
	var lat []time.Duration
	for _, x := range got {
		lat = append(lat, x.Latency())
	}
	slices.Sort(lat)
	for i, q := range []float64{0.90, 0.95, 0.99} {
		out[i] = quantile(lat, q)
	}
	return out
}

// The same stall as in TestStallIsNotOmitted. Without noise the percentiles are off by no more than the distance of two
// requests. A deadline of 1 s makes exactly those bad that are due in the first second of the stall, though only 64 of them
// can be on their way.
func TestStallInMadeUpTime(t *testing.T) {
	const interval = time.Millisecond
	for _, tt := range []struct {
		timeout time.Duration
		bad     int
		want    [3]time.Duration
	}{
		{30 * time.Second, 0, [3]time.Duration{1200 * time.Millisecond, 1600 * time.Millisecond, 1920 * time.Millisecond}},
		{time.Second, 1000, [3]time.Duration{time.Second, time.Second, time.Second}},
	} {
		t.Run(tt.timeout.String(), func(t *testing.T) {
			p := profileOf(1000, readOp)
			p.Timeout = tt.timeout
			script := faketarget.Outage(faketarget.Behaviour{Mode: faketarget.Hang}, 3*time.Second, 2*time.Second)
			got, planned, _ := inMadeUpTime(t, p, 500*time.Microsecond, 8*time.Second, script)
			c := count(got)
			if planned["read"] != 8000 || len(got) != 8000 || c[OK]+c[Fail]+c[Info]+c[Missed] != 8000 {
				t.Fatalf("planned %v, outcomes %v; want 8000", planned, c)
			}
			if bad := c[Fail] + c[Missed]; max(bad-tt.bad, tt.bad-bad) > 1 {
				t.Errorf("outcomes %v, want %d bad", c, tt.bad)
			}
			for i, got := range percentiles(got) {
				if (got - tt.want[i]).Abs() > 2*interval {
					t.Errorf("percentile %d of p90, p95, p99 is %v, want %v", i, got, tt.want[i])
				}
			}
		})
	}
}

// A due time is known to one interval of the schedule, and so is each edge of an outage.
func TestOutagesInMadeUpTime(t *testing.T) {
	const interval = time.Duration(float64(time.Second) / outageRate)
	const limit = time.Microsecond // nothing is slow by itself here
	start, phase := time.Second, interval/7
	for _, mode := range outageModes {
		for _, length := range append(outageLengths, 30*time.Second) {
			phase = (phase + interval/3) % interval // the edges fall anywhere between two requests, but on none
			t.Run(fmt.Sprint(mode, " ", length), func(t *testing.T) {
				p := profileOf(outageRate, readOp, writeOp)
				p.Rate, p.Connections = 2*outageRate, 256
				script := faketarget.Outage(faketarget.Behaviour{Mode: mode, Delay: outageDelay}, start, length)
				got, planned, truth := inMadeUpTime(t, p, phase, length+3*time.Second, script)
				if sum := planned["read"] + planned["create"]; sum != uint64(len(got)) || sum != uint64(math.Round(p.Rate*(length+3*time.Second).Seconds())) {
					t.Errorf("%d samples of %v planned", len(got), planned)
				}
				for _, op := range []string{"read", "create"} {
					own := slices.DeleteFunc(slices.Clone(got), func(x Sample) bool { return x.Op != op })
					if bias := badSpan(own, start, start+length, limit) - length; bias.Abs() > interval {
						t.Errorf("%s: measured %v too long, want at most %v", op, bias, interval)
					}
				}
				agree(t, got, truth)
			})
		}
	}
}

// agree says whether what was reported is what the server itself counted.
func agree(t *testing.T, got []Sample, truth faketarget.Counts) {
	t.Helper()
	kinds := map[string]uint64{}
	for _, x := range got {
		kinds[x.Err]++
		if x.Lag() != 0 && x.Out != Missed {
			t.Fatalf("sent late in a world without delays: %+v", x)
		}
	}
	gaveUp := kinds[ErrKindTimeout] // the server answers those in the end, but nobody listens
	if kinds[""] != truth.Answered-gaveUp || kinds["reset"] != truth.Reset || kinds["status 500"] != truth.Failed {
		t.Errorf("reported %v, server counts %+v", kinds, truth)
	}
}

// A cancelled load accounts for each request that was due, and for no other.
func TestCancelInMadeUpTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := faketarget.StartInMemory()
		defer s.Close()
		if err := s.Set(faketarget.Behaviour{Mode: faketarget.Hang}); err != nil {
			t.Fatal(err)
		}
		p := profileOf(200, readOp, writeOp)
		p.Timeout, p.Connections = 20*time.Second, 10
		ctx, cancel := context.WithTimeout(t.Context(), 501*time.Millisecond)
		defer cancel()
		origin, got := time.Now(), []Sample(nil)
		rep, err := runOver(ctx, s.Dial, p, Target{Base: s.URL(), Origin: origin, Length: time.Hour}, func(x Sample) { got = append(got, x) })
		if took := time.Since(origin); err == nil || took != 501*time.Millisecond {
			t.Errorf("ended after %v with %v, want at the cancel", took, err)
		}
		// Due at 0, 10, ... 500 ms and at 2.5, 12.5, ... 492.5 ms.
		if rep.Planned["read"] != 51 || rep.Planned["create"] != 50 || len(got) != 101 {
			t.Errorf("planned %v with %d samples, want the 51 and 50 that were due", rep.Planned, len(got))
		}
		if c := count(got); c[Fail] != 10 || c[Info] != 10 || c[Missed] != 81 {
			t.Errorf("outcomes %v, want 10 on their way in each class and 81 without a connection", c)
		}
	})
}
