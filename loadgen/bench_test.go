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

// BenchmarkCostVersusVegeta compares the CPU per request with that of the plain library with 64 workers, in turn in one run.
// The server's own cost is in both, so the ratio of the generators alone is a little further from 1.
func BenchmarkCostVersusVegeta(b *testing.B) {
	const rate, length = 4000, 2 * time.Second
	var ours, plain time.Duration
	var n uint64
	for b.Loop() {
		s := fake(b)
		for range 3 {
			before := cpu(b)
			attacker := vegeta.NewAttacker(vegeta.MaxWorkers(64), vegeta.Connections(64))
			targeter := vegeta.NewStaticTargeter(vegeta.Target{Method: "GET", URL: s.URL() + "/feed"})
			for r := range attacker.Attack(targeter, vegeta.ConstantPacer{Freq: rate, Per: time.Second}, length, "") {
				n++
				if r.Code != 200 {
					b.Fatal(r.Error)
				}
			}
			plain += cpu(b) - before
			before = cpu(b)
			got, _, err := load(b.Context(), b, profileOf(rate, readOp), s.URL(), length)
			if err != nil || len(got) != rate*2 {
				b.Fatal(len(got), err)
			}
			ours += cpu(b) - before
		}
	}
	b.ReportMetric(ours.Seconds()/plain.Seconds(), "cpu-ratio")
	b.ReportMetric(plain.Seconds()*1e6/float64(n), "vegeta-us/request")
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
