package loadgen

import (
	"context"
	"math"
	"slices"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"gauntlet/loadgen/faketarget"
)

// quantile is the nearest rank: the smallest value with at least the share q of all values at or below it.
func quantile(sorted []time.Duration, q float64) time.Duration {
	return sorted[int(math.Ceil(q*float64(len(sorted))))-1]
}

// underScript runs a load from origin+20 ms while the server plays its script, and returns the samples.
func underScript(ctx context.Context, s *faketarget.Server, p Profile, length time.Duration, script []faketarget.Step) ([]Sample, Report, time.Time, error) {
	origin := time.Now()
	var out []Sample
	var rep Report
	var both errgroup.Group
	both.Go(func() error { return s.Play(ctx, origin, script...) })
	both.Go(func() error {
		var err error
		rep, err = Run(ctx, p, Target{Base: s.URL(), Origin: origin, Start: 20 * time.Millisecond, Length: length}, func(x Sample) { out = append(out, x) })
		return err
	})
	err := both.Wait()
	return out, rep, origin, err
}

// A server that stalls for 2 s at 1,000 requests per second: of 8,000 open-loop requests 2,000 wait 0 to 2 s, so
// p90, p95 and p99 are 1,200, 1,600 and 1,920 ms. A generator that waits for the server reports a few milliseconds.
//
// A busy machine drains the 2,000 waiting requests slowly, which is a true delay and only makes values larger. So one run
// within the tolerance proves it, two outside of it on a quiet machine refute it, and a value that is too small is an omission
// on any machine. TestStallInMadeUpTime holds the same without a machine.
func TestStallIsNotOmitted(t *testing.T) {
	const tries = 2
	quiet := 0
	for range tries {
		low, high, held := stall(t)
		switch {
		case t.Failed():
			return
		case low > stallTolerance:
			t.Fatalf("a percentile is %.1f %% below the truth: waiting was omitted", 100*low)
		case high <= stallTolerance:
			return
		case held <= busyMachine:
			quiet++
		}
		if quiet == 2 {
			t.Fatalf("a percentile is %.1f %% above the truth on a quiet machine, want at most %.0f %%", 100*high, 100*stallTolerance)
		}
	}
	t.Skipf("this machine was too busy to measure a stall %d times; it was only tested in made-up time", tries)
}

// stall runs the 2 s stall once and returns how far the three percentiles are below and above the truth, as a share of it,
// and the longest time for which the machine held this process up.
func stall(t *testing.T) (low, high float64, held time.Duration) {
	s := fake(t)
	p := profileOf(1000, readOp)
	p.Timeout = 30 * time.Second
	script := faketarget.Outage(faketarget.Behaviour{Mode: faketarget.Hang}, 3*time.Second, 2*time.Second)
	watch := watchMachine()
	got, rep, _, err := underScript(t.Context(), s, p, 8*time.Second, script)
	held = watch()
	if err != nil {
		t.Error(err)
		return 0, 0, held
	}
	c := count(got)
	if sum := c[OK] + c[Fail] + c[Info] + c[Missed]; rep.Planned["read"] != 8000 || sum != 8000 || c[OK] != 8000 {
		t.Errorf("planned %v, outcomes %v; want 8000 and all OK", rep.Planned, c)
		return 0, 0, held
	}
	if n := s.Counts().Connections; n > 64 {
		t.Errorf("%d connections, want at most 64", n)
	}
	turns := s.Changes()
	hung := turns[1].At.Sub(turns[0].At) // 2 s, or what the machine made of it
	for i, p := range percentiles(got) {
		truth := hung - []time.Duration{800, 400, 80}[i]*time.Millisecond // of 8,000 requests 800, 400 and 80 wait longer
		t.Logf("p%d = %v, truth %v", []int{90, 95, 99}[i], p, truth)
		low, high = max(low, 1-p.Seconds()/truth.Seconds()), max(high, p.Seconds()/truth.Seconds()-1)
	}
	return low, high, held
}

const (
	outageRate  = 200.0
	outageDelay = 500 * time.Millisecond // of the slow server
)

var (
	outageModes   = []faketarget.Mode{faketarget.Hang, faketarget.Refuse, faketarget.Reset, faketarget.Status, faketarget.Slow}
	outageLengths = []time.Duration{50 * time.Millisecond, 200 * time.Millisecond, time.Second, 5 * time.Second}
)

// limitOf is what counts as slow: far above a busy machine's noise, but below the longest wait of a short hang.
func limitOf(mode faketarget.Mode, length time.Duration) time.Duration {
	if mode == faketarget.Hang {
		return min(length/2, 250*time.Millisecond)
	}
	return 250 * time.Millisecond
}

// badSpan is from the first to behind the last bad request by due time, near the outage.
func badSpan(got []Sample, from, to, limit time.Duration) time.Duration {
	first, last := time.Duration(math.MaxInt64), time.Duration(-1)
	for _, x := range got {
		if x.Due < from-300*time.Millisecond || x.Due > to+300*time.Millisecond || (x.Out == OK && x.Latency() <= limit) {
			continue
		}
		first, last = min(first, x.Due), max(last, x.Due)
	}
	if last < 0 {
		return 0
	}
	return last - first + time.Duration(float64(time.Second)/outageRate)
}

// measurement is one run of an outage on the real network.
type measurement struct {
	bias  time.Duration // how much longer it was measured than it was
	stall time.Duration // the longest time for which this machine kept the generator or a 1 ms tick waiting
}

// measureOutage plays one outage. A hang's last requests wait less than the limit and are good, so its truth is shorter by
// the limit.
func measureOutage(t *testing.T, mode faketarget.Mode, length time.Duration) measurement {
	s := fake(t)
	script := faketarget.Outage(faketarget.Behaviour{Mode: mode, Delay: outageDelay}, time.Second, length)
	p := profileOf(outageRate, readOp)
	p.Connections = 256 // enough for the slow server
	watch := watchMachine()
	got, rep, origin, err := underScript(t.Context(), s, p, length+1500*time.Millisecond, script)
	m := measurement{stall: watch()}
	if err != nil || uint64(len(got)) != rep.Planned["read"] {
		t.Errorf("%d samples of %d planned, error %v", len(got), rep.Planned["read"], err)
		return m
	}
	turns := s.Changes()
	from, to := turns[0].At.Sub(origin), turns[1].At.Sub(origin)
	truth, limit := to-from, limitOf(mode, length)
	if mode == faketarget.Hang {
		truth -= limit
	}
	for _, x := range got {
		if x.Out != Missed {
			m.stall = max(m.stall, x.Lag())
		}
	}
	m.bias = badSpan(got, from, to, limit) - truth
	return m
}

// watchMachine ticks each millisecond until the returned function is called, which tells the longest time without a tick.
func watchMachine() (stop func() time.Duration) {
	done := make(chan struct{})
	var worst time.Duration
	var ticking sync.WaitGroup
	ticking.Go(func() {
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for last := time.Now(); ; {
			select {
			case <-done:
				return
			case <-tick.C:
				worst, last = max(worst, time.Since(last)), time.Now()
			}
		}
	})
	return func() time.Duration {
		close(done)
		ticking.Wait()
		return worst
	}
}

// Bounds of a real outage run: how far off it may be beside the interval of the schedule, and when the machine was too busy
// to tell (then the run proves nothing, whatever it measured).
const (
	outageTolerance = 20 * time.Millisecond
	busyMachine     = 15 * time.Millisecond
	outageTries     = 3
)

// verdict of a true outage: whether it was measured right, wrong, or the machine let nobody know.
type verdict uint8

const (
	unknown verdict = iota
	proved
	refuted
)

// judgeOutage measures an outage up to three times, a long one once. One run within the tolerance proves it; two quiet ones outside refute it.
func judgeOutage(t *testing.T, mode faketarget.Mode, length time.Duration) verdict {
	const interval = time.Duration(float64(time.Second) / outageRate)
	quiet, tries := 0, outageTries
	if length > time.Second {
		tries = 1 // it takes long, and TestOutagesInMadeUpTime refutes it as well
	}
	for range tries {
		m := measureOutage(t, mode, length)
		t.Logf("%-7v %5v: bias %v, longest stall of the machine %v", mode, length, m.bias.Round(100*time.Microsecond), m.stall.Round(100*time.Microsecond))
		if m.bias.Abs() <= interval+outageTolerance {
			return proved
		}
		if m.stall <= busyMachine {
			quiet++
		}
		if quiet == 2 {
			t.Errorf("%v of %v was measured %v too long on a quiet machine, want at most %v", mode, length, m.bias, interval+outageTolerance)
			return refuted
		}
	}
	return unknown
}

// The outages of TestOutagesInMadeUpTime on the real network and clock, where a machine that is busy with something else makes
// good requests slow. What could not be known is said, never counted as right.
func TestOutageLengths(t *testing.T) {
	var mu sync.Mutex
	verdicts := map[verdict]int{}
	for _, length := range outageLengths { // the modes side by side, the lengths in turn: 1,000 requests per second in all
		var side sync.WaitGroup
		for _, mode := range outageModes {
			side.Go(func() {
				v := judgeOutage(t, mode, length)
				mu.Lock()
				defer mu.Unlock()
				verdicts[v]++
			})
		}
		side.Wait()
	}
	t.Logf("%d outages measured right, %d unknown, %d wrong", verdicts[proved], verdicts[unknown], verdicts[refuted])
	if verdicts[refuted] == 0 && verdicts[proved] < verdicts[unknown] {
		t.Skipf("this machine was too busy to measure %d of %d real outages; they were only tested in made-up time", verdicts[unknown], len(outageModes)*len(outageLengths))
	}
}

// A client that repeats failed requests by itself hides most of them. Each reset that the server counted must be reported.
func TestNoHiddenRetries(t *testing.T) {
	t.Parallel()
	for _, op := range []Op{readOp, writeOp,
		{Name: "empty", Class: "write", Weight: 1, Request: Request{Method: "POST", Path: "/"}},
		{Name: "delete", Class: "write", Weight: 1, Request: Request{Method: "DELETE", Path: "/"}},
	} {
		t.Run(op.Name, func(t *testing.T) {
			s := fake(t)
			if err := s.Set(faketarget.Behaviour{Mode: faketarget.Reset, Every: 10}); err != nil {
				t.Fatal(err)
			}
			p := profileOf(300, op)
			p.Timeout = 5 * time.Second
			got, _, err := load(t.Context(), t, p, s.URL(), 2*time.Second)
			if err != nil {
				t.Fatal(err)
			}
			truth := s.Counts()
			kinds := map[string]uint64{}
			for _, x := range got {
				kinds[x.Err]++
			}
			t.Logf("%d requests, server reset %d, reported %v", truth.Requests, truth.Reset, kinds)
			if truth.Requests < 500 || truth.Reset != truth.Requests/10 || kinds["reset"] != truth.Reset {
				t.Errorf("reported %v, server counts %+v; want exactly its resets, each 10th request", kinds, truth)
			}
			if never := kinds[ErrKindNoConnection] + kinds[ErrKindLate]; truth.Requests+never != 600 || kinds[""] != truth.Answered { // never sent: a very busy machine
				t.Errorf("reported %v, server counts %+v; want 600 requests", kinds, truth)
			}
		})
	}
}

func TestSlowConsumerDelaysNothing(t *testing.T) {
	s := fake(t)
	var lags []time.Duration
	_, err := Run(t.Context(), profileOf(400, readOp), Target{Base: s.URL(), Origin: time.Now(), Length: time.Second}, func(x Sample) {
		lags = append(lags, x.Lag())
		time.Sleep(5 * time.Millisecond) // twice as slow as the load
	})
	if err != nil || len(lags) != 400 {
		t.Fatalf("%d samples, error %v", len(lags), err)
	}
	slices.Sort(lags)
	if got := quantile(lags, 0.5); got > 100*time.Millisecond { // a load held up by its consumer would end a second late
		t.Errorf("median send lag is %v, a slow consumer delayed the load", got)
	}
}
