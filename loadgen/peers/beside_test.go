package peers

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	vegeta "github.com/tsenart/vegeta/v12/lib"

	"gauntlet/loadgen"
	"gauntlet/loadgen/faketarget"
	"gauntlet/loadgen/tally"
)

// repeats is how often each tool is measured, all tools in turn; medians are shown.
var repeats = flag.Int("repeats", 3, "how often each tool is measured, all in turn; medians are shown")

const (
	perRequest = "CPU µs/request"
	sendLag    = "send lag p99 ms"
	memory     = "memory MB"
	growth     = "growth B/request"
	sentShare  = "sent %"
	badShare   = "bad %"
	bursts     = "burst ×"
	conns      = "connections opened"
	ms         = float64(time.Millisecond)
)

// BenchmarkCost is what a request costs the generator, by the difference of a long and a short load, so that the start of a process
// is not in it, and how late requests reach the server. All have 64 connections; vegeta has 64 workers, as it breaks itself without.
// The cost is that of a request that was sent, of a tool that can't send them all, too.
func BenchmarkCost(b *testing.B) {
	for _, rate := range []int{3000, 10_000} {
		b.Run(fmt.Sprint(rate), func(b *testing.B) {
			all, v := tools(b), values{}
			for b.Loop() {
				for range *repeats {
					for _, t := range all {
						if t.open {
							cost(b, t, rate, v)
						}
					}
				}
			}
			v.print(fmt.Sprintf("%d requests per second, 64 connections", rate), perRequest, sentShare, sendLag, memory, growth)
			v.ratio(b, perRequest, "vegeta", "fortio", "k6")
			v.ratio(b, sendLag, "vegeta", "fortio", "k6")
		})
	}
}

func cost(b *testing.B, t tool, rate int, v values) {
	s := serve(b)
	j := job{url: s.url(), rate: rate, length: time.Second, timeout: 2 * time.Second, connections: 64}
	short := t.use(b, j)
	s.reset()
	j.length = 6 * time.Second
	long := t.use(b, j)
	more := float64(long.sent - short.sent)
	v.add(t.name, perRequest, float64((long.cpu-short.cpu).Microseconds())/more)
	v.add(t.name, growth, float64(long.rss-short.rss)/more)
	v.add(t.name, sentShare, 100*float64(long.sent)/(float64(rate)*j.length.Seconds()))
	v.add(t.name, sendLag, float64(lag(s.arrivals(), rate))/ms)
	v.add(t.name, memory, float64(long.rss)/1e6)
}

// BenchmarkRate finds the highest of some rates that each tool sustains: it sends at least 99.5 % of what it was asked for.
func BenchmarkRate(b *testing.B) {
	const what = "requests/s sustained"
	all, v := tools(b), values{}
	for b.Loop() {
		for range *repeats {
			for _, t := range all {
				if t.open {
					v.add(t.name, what, float64(sustained(b, t)))
				}
			}
		}
	}
	v.print("Highest rate sustained with 64 connections", what)
	v.ratio(b, what, "vegeta", "fortio", "k6")
}

// sustained is the highest rate that a tool sends 99.5 % of, 0 if there is none. It tries higher ones than one that was not sent, as
// some tools begin late and miss more of a low rate than of a higher one, until three in a row were not.
func sustained(b *testing.B, t tool) int {
	best, misses := 0, 0
	for _, rate := range []int{2000, 4000, 6000, 8000, 10_000, 12_500, 15_000, 17_500, 20_000, 25_000, 30_000, 40_000, 50_000, 60_000} {
		s := serve(b)
		r := t.use(b, job{url: s.url(), rate: rate, length: 2 * time.Second, timeout: 2 * time.Second, connections: 64})
		if got := min(r.sent, int(s.seen.Load())); float64(got) < .995*float64(2*rate) {
			if misses++; misses == 3 {
				break
			}
			continue
		}
		best, misses = rate, 0
	}
	return best
}

// variant is a tool with a setting that matters when a server stalls.
type variant struct {
	name string
	tool string
	job  job
}

// BenchmarkStall lets the server stall for 2 s of 8 at 1,000 requests per second, with a timeout of 30 s. An open loop's p90, p95 and p99 are
// then 0.6, 0.8 and 0.96 times the stall: 800, 400 and 80 of 8,000 requests wait longer.
func BenchmarkStall(b *testing.B) {
	j := job{rate: 1000, length: 8 * time.Second, timeout: 30 * time.Second, connections: 50}
	burst, free, users := j, j, j
	burst.burst, free.unbounded, users.users = true, true, 2500
	v := values{}
	during(b, stall(b), v, []variant{{"gauntlet, 50 connections", "gauntlet", burst}, {"vegeta, 50 workers", "vegeta", j}, {"vegeta", "vegeta", free}, {"fortio, 50 threads", "fortio", j}, {"k6, 2500 users", "k6", users}, {"wrk, 50 connections", "wrk", j}},
		func(name string, r result, s *server, from, to time.Time) {
			stall := float64(to.Sub(from))
			v.add(name, "p90 / truth", float64(r.p90)/(.6*stall))
			if r.p95 > 0 { // wrk does not tell
				v.add(name, "p95 / truth", float64(r.p95)/(.8*stall))
			}
			v.add(name, "p99 / truth", float64(r.p99)/(.96*stall))
		})
	v.print("A server that stalls for 2 s of 8, timeout 30 s: percentiles as a multiple of the truth", "p90 / truth", "p95 / truth", "p99 / truth", conns, memory)
}

// BenchmarkTimeout is the same stall with a timeout of 1 s. The truth of an open loop is that the requests of one second fail,
// 12.5 % of all; a tool that shows less hides an outage. burst is the largest number of requests in 100 ms after the stall, as a
// multiple of what is due.
func BenchmarkTimeout(b *testing.B) {
	j := job{rate: 1000, length: 8 * time.Second, timeout: time.Second, connections: 50}
	free, users := j, j
	free.unbounded, users.users = true, 1250
	v := values{}
	during(b, stall(b), v, []variant{{"gauntlet", "gauntlet", free}, {"gauntlet, 50 connections", "gauntlet", j}, {"vegeta, 50 workers", "vegeta", j}, {"vegeta", "vegeta", free}, {"fortio, 50 threads", "fortio", j}, {"k6, 1250 users", "k6", users}, {"wrk, 50 connections", "wrk", j}},
		func(name string, r result, s *server, from, to time.Time) {
			if r.text != "" && strings.HasPrefix(name, "gauntlet") {
				b.Logf("%s: %s", name, r.text)
			}
			truth := (to.Sub(from) - j.timeout).Seconds()
			v.add(name, badShare, 100*r.bad)
			v.add(name, "lost s shown", r.bad*j.length.Seconds())
			v.add(name, "lost s true", truth)
			if name != "wrk, 50 connections" {
				v.add(name, bursts, float64(burst(s.arrivals(), to.Add(-5*time.Millisecond)))/100)
			}
		})
	v.print("A server that stalls for 2 s of 8, timeout 1 s: what is shown of the outage", badShare, "lost s shown", "lost s true", bursts, conns)
	for _, name := range []string{"gauntlet", "gauntlet, 50 connections"} {
		b.ReportMetric(v.of(name, "lost s shown")-v.of(name, "lost s true"), strings.ReplaceAll(name, " ", "-")+"-lost-s-off")
		b.ReportMetric(v.of(name, bursts), strings.ReplaceAll(name, " ", "-")+"-burst")
	}
}

// hurt does something to a server that has begun to answer, and says from when to when that was.
type hurt func(*server) (from, to time.Time)

// stall lets a server hang from 3 s to 5 s after its first request.
func stall(b *testing.B) hurt {
	return func(s *server) (from, to time.Time) { return s.hang(b.Context(), 3*time.Second, 2*time.Second) }
}

// during runs each variant while its server is hurt.
func during(b *testing.B, hurt hurt, v values, all []variant, then func(name string, r result, s *server, from, to time.Time)) {
	known := map[string]tool{}
	for _, t := range tools(b) {
		known[t.name] = t
	}
	for b.Loop() {
		for range *repeats {
			for _, x := range all {
				t, ok := known[x.tool]
				if !ok {
					continue
				}
				s := serve(b)
				x.job.url = s.url()
				type span struct{ from, to time.Time }
				stalled := make(chan span, 1)
				s.wg.Go(func() {
					for s.seen.Load() == 0 && b.Context().Err() == nil {
						time.Sleep(time.Millisecond)
					}
					from, to := hurt(s)
					stalled <- span{from, to}
				})
				r := t.use(b, x.job)
				was := <-stalled
				v.add(x.name, conns, float64(s.conns.Load()))
				v.add(x.name, memory, float64(r.rss)/1e6)
				then(x.name, r, s, was.from, was.to)
			}
		}
	}
}

// BenchmarkFailover lets the server hang for 1 s, as a primary that froze, and then refuse connections for 1 s, until another has its
// address. With a timeout of 1 s nothing that comes due in these 2 s of 8 is answered: 25 % of all, in an open loop.
func BenchmarkFailover(b *testing.B) {
	j := job{rate: 1000, length: 8 * time.Second, timeout: time.Second, connections: 50}
	free, users := j, j
	free.unbounded, users.users = true, 1250
	v := values{}
	hurt := func(s *server) (from, to time.Time) {
		from, to, err := s.failover(b.Context(), 3*time.Second, time.Second, time.Second)
		if err != nil {
			b.Error(err)
		}
		return from, to
	}
	during(b, hurt, v, []variant{{"gauntlet", "gauntlet", free}, {"gauntlet, 50 connections", "gauntlet", j}, {"vegeta, 50 workers", "vegeta", j}, {"vegeta", "vegeta", free}, {"fortio, 50 threads", "fortio", j}, {"k6, 1250 users", "k6", users}, {"wrk, 50 connections", "wrk", j}},
		func(name string, r result, s *server, from, to time.Time) {
			v.add(name, badShare, 100*r.bad)
			v.add(name, "lost s shown", r.bad*j.length.Seconds())
			v.add(name, "lost s true", to.Sub(from).Seconds())
			if name != "wrk, 50 connections" {
				v.add(name, bursts, float64(burst(s.arrivals(), to.Add(-5*time.Millisecond)))/100)
			}
		})
	v.print("A server that hangs for 1 s of 8, then refuses for 1 s, timeout 1 s: what is shown of the outage", badShare, "lost s shown", "lost s true", bursts, conns)
	for _, name := range []string{"gauntlet", "gauntlet, 50 connections"} {
		b.ReportMetric(v.of(name, "lost s shown")-v.of(name, "lost s true"), strings.ReplaceAll(name, " ", "-")+"-lost-s-off")
	}
}

// BenchmarkRetries lets the server reset each tenth request and compares the failures that a tool reports with those resets. A
// client that repeats requests unseen reports fewer.
func BenchmarkRetries(b *testing.B) {
	v := values{}
	all := tools(b)
	for b.Loop() {
		for _, t := range all {
			for _, method := range []string{"GET", "POST"} {
				if t.open {
					b.StopTimer()
					shown, truth := resets(b, t, method)
					b.StartTimer()
					v.add(t.name, method+": shown", float64(shown))
					v.add(t.name, method+": true", float64(truth))
				}
			}
		}
	}
	v.print("Each tenth request is reset: failures shown and true", "GET: shown", "GET: true", "POST: shown", "POST: true")
	if shown, truth := v.of("gauntlet", "GET: shown")+v.of("gauntlet", "POST: shown"), v.of("gauntlet", "GET: true")+v.of("gauntlet", "POST: true"); shown != truth {
		b.Errorf("gauntlet shows %.0f failures, the server made %.0f", shown, truth)
	}
}

func resets(b *testing.B, t tool, method string) (shown int, truth uint64) {
	s, err := faketarget.Start()
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	if err := s.Set(faketarget.Behaviour{Mode: faketarget.Reset, Every: 10}); err != nil {
		b.Fatal(err)
	}
	r := t.use(b, job{url: s.URL() + "/", method: method, rate: 500, length: 4 * time.Second, timeout: 2 * time.Second, connections: 64})
	return r.failed, s.Counts().Reset
}

// BenchmarkMillion sends half a million and a million requests at one rate. It reports the highest memory of the process and by how much
// the second half million let it grow: what a process needs until its heap has found its size is in both.
func BenchmarkMillion(b *testing.B) {
	for b.Loop() {
		t, s := gauntlet(b), serve(b)
		j := job{url: s.url(), rate: 12_500, length: 40 * time.Second, timeout: 2 * time.Second, connections: 64}
		half := t.use(b, j)
		j.length *= 2
		all := t.use(b, j)
		b.ReportMetric(float64(all.rss)/1e6, "MB")
		b.ReportMetric(float64(all.rss-half.rss)/float64(all.sent-half.sent), "grown-B/request")
		b.ReportMetric(float64(all.sent), "sent")
	}
}

// BenchmarkSaturation asks for far more than a generator can send. Planned requests must still be the sum of all outcomes, which
// gauntletReport checks, on no more connections than allowed and in bounded memory.
func BenchmarkSaturation(b *testing.B) {
	all, v := tools(b), values{}
	for b.Loop() {
		for _, t := range all {
			if t.name != "gauntlet" && t.name != "vegeta" {
				continue
			}
			s := serve(b)
			r := t.use(b, job{url: s.url(), rate: 60_000, length: 5 * time.Second, timeout: time.Second, connections: 64})
			v.add(t.name, "sent of 300,000", float64(r.sent))
			v.add(t.name, "left out, and said so", float64(r.dropped))
			v.add(t.name, conns, float64(s.conns.Load()))
			v.add(t.name, memory, float64(r.rss)/1e6)
		}
	}
	v.print("60,000 requests per second for 5 s", "sent of 300,000", "left out, and said so", conns, memory)
}

// processorTime is what this process has used of all processors.
func processorTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkRecord is what it costs to count one result in processor time, as a multiple of vegeta's own metrics.
func BenchmarkRecord(b *testing.B) {
	const n = 200_000
	var ours, theirs time.Duration
	for b.Loop() {
		for range *repeats {
			begin, used := time.Now(), processorTime(b)
			t := tally.New(tally.Options{Limit: time.Second, Timeout: time.Second})
			for i := range n {
				due := time.Duration(i) * 100 * time.Microsecond
				t.Add(loadgen.Sample{Op: "op", Class: "read", Due: due, Sent: due + 1000, End: due + time.Duration(i%7919)*time.Microsecond, Code: 200, Out: loadgen.OK})
			}
			ours += processorTime(b) - used
			used = processorTime(b)
			var m vegeta.Metrics
			for i := range n {
				m.Add(&vegeta.Result{Seq: uint64(i), Code: 200, Timestamp: begin.Add(time.Duration(i) * 100 * time.Microsecond), Latency: time.Duration(i%7919) * time.Microsecond})
			}
			theirs += processorTime(b) - used
		}
	}
	b.ReportMetric(ours.Seconds()/theirs.Seconds(), "of-vegeta")
	b.ReportMetric(float64(ours.Nanoseconds())/float64(b.N**repeats*n), "ns/result")
}

// Reports are read right, and what is not installed is no error.
func TestWrkReport(t *testing.T) {
	out := "  Latency Distribution\n     50%  226.00us\n     90%    1.20ms\n     99%    2.01s\n  177234 requests in 8.00s, 11.83MB read\n  Socket errors: connect 0, read 1, write 0, timeout 50\n"
	r, err := wrkReport("", job{}, []byte(out))
	if err != nil || r.sent != 177234 || r.failed != 51 || r.p90 != 1200*time.Microsecond || r.p99 != 2010*time.Millisecond {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestFortioReport(t *testing.T) {
	dir := t.TempDir()
	text := `{"RetCodes":{"-1":3,"200":97},"DurationHistogram":{"Count":100,"Percentiles":[{"Percentile":90,"Value":0.002},{"Percentile":99,"Value":1.5}]}}`
	if err := os.WriteFile(dir+"/fortio.json", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := fortioReport(dir, job{}, nil)
	if err != nil || r.sent != 100 || r.failed != 3 || r.p90 != 2*time.Millisecond || r.p99 != 1500*time.Millisecond {
		t.Errorf("%+v, %v", r, err)
	}
}
