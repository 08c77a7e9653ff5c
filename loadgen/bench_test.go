package loadgen

import (
	"context"
	"io"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	vegeta "github.com/tsenart/vegeta/v12/lib"
	"golang.org/x/sync/errgroup"

	"gauntlet/loadgen/faketarget"
)

// cpu is the CPU time of this process: generator and server together.
func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkSendLag reports how late requests are sent at 2,000 per second on one core that the server shares.
func BenchmarkSendLag(b *testing.B) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	for b.Loop() {
		s := fake(b)
		got, _, err := load(b.Context(), b, profileOf(2000, readOp), s.URL(), 5*time.Second)
		if err != nil {
			b.Fatal(err)
		}
		var lags []time.Duration
		for _, x := range got {
			lags = append(lags, x.Lag())
		}
		slices.Sort(lags)
		b.ReportMetric(quantile(lags, 0.5).Seconds()*1000, "lag-p50-ms")
		b.ReportMetric(quantile(lags, 0.99).Seconds()*1000, "lag-p99-ms")
		b.ReportMetric(float64(count(got)[OK])/float64(len(got)), "ok-share")
	}
}

// BenchmarkCostVersusVegeta compares the CPU per request with that of the plain library with 64 workers, in turn in one run:
// as a load is by default, and with everything on (catch-up limit, sessions with captures, Poisson, a tally's work).
// The server's own cost is in both, so the ratio of the generators alone is a little further from 1.
func BenchmarkCostVersusVegeta(b *testing.B) {
	const rate, length = 4000, 2 * time.Second
	full := profileOf(rate, readOp, Op{Name: "next", Class: "read", After: "read", Request: Request{Path: "/{{session token}}"}})
	full.Ops[0].Capture = map[string]string{"token": "json token"}
	full.Ops[1].Weight, full.CatchUp, full.Shape.Poisson = 1, 1.2, true
	for name, p := range map[string]Profile{"default": profileOf(rate, readOp), "everything": full} {
		b.Run(name, func(b *testing.B) {
			var ours, plain time.Duration
			var n, own uint64
			for b.Loop() {
				s := fake(b)
				for range 3 {
					before := cpu(b)
					n += vegetaAttack(b, s.URL()+"/feed", rate, length)
					plain += cpu(b) - before
					before = cpu(b)
					got, _, err := load(b.Context(), b, p, s.URL(), length)
					if err != nil || len(got) < rate {
						b.Fatal(len(got), err)
					}
					ours += cpu(b) - before
					own += uint64(len(got))
				}
			}
			b.ReportMetric((ours.Seconds()/float64(own))/(plain.Seconds()/float64(n)), "cpu-ratio")
			b.ReportMetric(plain.Seconds()*1e6/float64(n), "vegeta-us/request")
		})
	}
}

// vegetaAttack runs the library as it is and returns how many requests it sent.
func vegetaAttack(b *testing.B, url string, rate int, length time.Duration) (n uint64) {
	attacker := vegeta.NewAttacker(vegeta.MaxWorkers(64), vegeta.Connections(64))
	targeter := vegeta.NewStaticTargeter(vegeta.Target{Method: "GET", URL: url})
	for r := range attacker.Attack(targeter, vegeta.ConstantPacer{Freq: rate, Per: time.Second}, length, "") {
		n++
		if r.Code != 200 {
			b.Fatal(r.Error)
		}
	}
	return n
}

// BenchmarkStallVersusVegeta lets a server hang for 2 s of 8 at 1,000 requests per second with a timeout of 1 s, under the plain
// library with 50 workers and under ours with 64 connections and with enough of them. The truth of an unlimited open
// loop is a bad share of 12.5 %; a burst is the largest number of requests in 100 ms after the hang, as a multiple of the target.
func BenchmarkStallVersusVegeta(b *testing.B) {
	few := profileOf(1000, readOp)
	few.CatchUp = 1.2
	enough := few
	enough.Connections = few.EnoughConnections()
	burst := few
	burst.CatchUp = 0
	for _, c := range []struct {
		name string
		p    Profile
	}{{"64 connections", few}, {"enough connections", enough}, {"64 connections, no limit", burst}} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				s, log, begin := fake(b), sends{}, time.Now()
				var got []Sample
				both(b, s, func() error {
					var err error
					dial := log.dial(c.p.Client.dialer(c.p.Timeout))
					_, err = runOver(b.Context(), dial, c.p, Target{Base: s.URL(), Origin: begin, Length: 8 * time.Second}, func(x Sample) { got = append(got, x) })
					return err
				})
				n := count(got)
				b.ReportMetric(float64(n[Fail]+n[Missed])/float64(len(got)), "bad-share")
				b.ReportMetric(float64(log.most(100*time.Millisecond, begin.Add(4900*time.Millisecond)))/100, "burst")
			}
		})
	}
	b.Run("vegeta, 50 workers", func(b *testing.B) {
		for b.Loop() {
			s, begin, bad, sent := fake(b), time.Now(), 0, []time.Time(nil)
			both(b, s, func() error {
				attacker := vegeta.NewAttacker(vegeta.MaxWorkers(50), vegeta.Timeout(time.Second))
				for r := range attacker.Attack(vegeta.NewStaticTargeter(vegeta.Target{Method: "GET", URL: s.URL()}), vegeta.ConstantPacer{Freq: 1000, Per: time.Second}, 8*time.Second, "") {
					if sent = append(sent, r.Timestamp); r.Code != 200 {
						bad++
					}
				}
				return nil
			})
			log := sends{at: sent}
			b.ReportMetric(float64(bad)/float64(len(sent)), "bad-share")
			b.ReportMetric(float64(log.most(100*time.Millisecond, begin.Add(4900*time.Millisecond)))/100, "burst")
		}
	})
}

// both runs a load while the server hangs from 3 s to 5 s.
func both(b *testing.B, s *faketarget.Server, load func() error) {
	var group errgroup.Group
	group.Go(func() error {
		return s.Play(b.Context(), time.Now(), faketarget.Outage(faketarget.Behaviour{Mode: faketarget.Hang}, 3*time.Second, 2*time.Second)...)
	})
	group.Go(load)
	if err := group.Wait(); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkDueTime is the cost of one due time, of each shape.
func BenchmarkDueTime(b *testing.B) {
	for name, shape := range shapes {
		if name == "silence" {
			continue
		}
		b.Run(name, func(b *testing.B) {
			s := plan(shaped(shape, Op{Name: "a", Weight: 1}), 30*time.Second)[0]
			k := uint64(0)
			for b.Loop() {
				if k++; k == s.n {
					k = 0
				}
				_ = s.at(k)
			}
		})
	}
}

// stub answers without a network.
type stub struct{}

func (stub) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("ok")), Request: r}, nil
}

// BenchmarkHeapAtOneMillion sends a million ledger writes through a stub instead of a network and
// reports the largest live heap after a collection beside that at the start.
func BenchmarkHeapAtOneMillion(b *testing.B) {
	const rate, length = 50_000, 20 * time.Second
	for b.Loop() {
		p := profileOf(rate, writeOp)
		lanes, err := prepare(p, Target{Base: "http://stub", Origin: time.Now(), Length: length})
		if err != nil {
			b.Fatal(err)
		}
		lanes[0].base, lanes[0].ctx = stub{}, context.Background()
		start, peak, n, late := heap(), uint64(0), 0, 0
		before := cpu(b)
		rep, err := attackAll(b.Context(), lanes, func(s Sample) {
			if s.Out == Missed {
				late++
			}
			if n++; n%200_000 == 0 {
				peak = max(peak, heap())
			}
		})
		if err != nil || rep.Planned["create"] != 1_000_000 || n != 1_000_000 {
			b.Fatal(rep, n, err)
		}
		b.ReportMetric(float64(start)/(1<<20), "start-MB")
		b.ReportMetric(float64(peak)/(1<<20), "peak-MB")
		b.ReportMetric(float64(late)/1e6, "missed-share")
		b.ReportMetric((cpu(b) - before).Seconds(), "cpu-us/request") // seconds per million requests
	}
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
