//go:build linux

package netfault

import (
	"io"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"gauntlet/chaos"
	"gauntlet/chaos/agent/agenttest"
)

const benchDelay = 20 * time.Millisecond

// BenchmarkStream measures what one TCP stream carries, in Mbit/s, while its packets are delayed.
func BenchmarkStream(b *testing.B) {
	for name, rule := range map[string]*chaos.NetRule{
		"bare":      nil,
		"out-20ms":  {Delay: benchDelay, Direction: chaos.Out},
		"in-20ms":   {Delay: benchDelay, Direction: chaos.In},
		"both-20ms": {Delay: benchDelay},
		"loss-0":    {Loss: 1e-9},
	} {
		b.Run(name+"/send", func(b *testing.B) { stream(b, rule, true) })
		b.Run(name+"/receive", func(b *testing.B) { stream(b, rule, false) })
	}
}

// streamTime is how long one measurement takes, after as long for the window to open.
const streamTime = 2 * time.Second

func stream(b *testing.B, rule *chaos.NetRule, send bool) {
	target, peer := agenttest.Pair(b)
	if rule != nil {
		hurt(b, target, *rule)
	}
	from, to := target, peer
	if !send {
		from, to = peer, target
	}
	var mu sync.Mutex
	got := 0
	to.Serve(b, "[::]:7100", func(c net.Conn) {
		buf := make([]byte, 1<<20)
		for {
			n, err := c.Read(buf)
			mu.Lock()
			got += n
			mu.Unlock()
			if err != nil {
				return
			}
		}
	})
	addr := "10.213.77.2:7100"
	if !send {
		addr = "10.213.77.1:7100"
	}
	c, err := from.Dial(b.Context(), "tcp", addr)
	if err != nil {
		b.Fatal(err)
	}
	var wait sync.WaitGroup
	wait.Go(func() {
		buf := make([]byte, 1<<20)
		for {
			if _, err := c.Write(buf); err != nil {
				return
			}
		}
	})
	time.Sleep(streamTime)
	for b.Loop() {
		mu.Lock()
		before := got
		mu.Unlock()
		began := time.Now()
		time.Sleep(streamTime)
		mu.Lock()
		bits := float64(got-before) * 8
		mu.Unlock()
		b.ReportMetric(bits/1e6/time.Since(began).Seconds(), "Mbit/s")
	}
	_ = c.Close()
	wait.Wait()
}

// hurt applies the rule from a process of its own, as an agent does: in this one the load would take its turns.
func hurt(b *testing.B, s *agenttest.Space, rule chaos.NetRule) {
	b.Helper()
	startHolder(b, s, map[string]chaos.NetRule{"bench": rule})
}

// BenchmarkRequests sends 5,000 requests/s over 256 connections and measures how far a round trip is from the delay asked
// for, in milliseconds.
func BenchmarkRequests(b *testing.B) {
	for name, rule := range map[string]*chaos.NetRule{
		"bare":      nil,
		"out-20ms":  {Delay: benchDelay, Direction: chaos.Out},
		"in-20ms":   {Delay: benchDelay, Direction: chaos.In},
		"both-20ms": {Delay: benchDelay},
	} {
		b.Run(name, func(b *testing.B) { requests(b, rule) })
	}
}

func requests(b *testing.B, rule *chaos.NetRule) {
	target, peer := agenttest.Pair(b)
	want := time.Duration(0)
	if rule != nil {
		hurt(b, target, *rule)
		want = rule.Delay
		if rule.Direction == "" {
			want *= 2
		}
	}
	peer.Echo(b, "[::]:7000")
	for b.Loop() {
		took := burst(b, target, 256, 5000, 3*time.Second)
		var errs []time.Duration
		for _, d := range took {
			errs = append(errs, max(d-want, want-d))
		}
		slices.Sort(errs)
		ms := func(q float64) float64 {
			return float64(errs[int(q*float64(len(errs)-1))].Microseconds()) / 1e3
		}
		b.ReportMetric(ms(0.5), "p50-error-ms")
		b.ReportMetric(ms(0.99), "p99-error-ms")
		b.ReportMetric(float64(len(errs))/3, "requests/s")
	}
}

// burst sends rate requests/s in all over conns connections, each at its own due times, and gives the round trips' times.
func burst(b *testing.B, from *agenttest.Space, conns, rate int, long time.Duration) []time.Duration {
	b.Helper()
	var mu sync.Mutex
	var took []time.Duration
	var wait sync.WaitGroup
	every := time.Duration(conns) * time.Second / time.Duration(rate)
	ready := time.Now().Add(time.Second)
	for i := range conns {
		wait.Go(func() {
			c, err := from.Dial(b.Context(), "tcp", peerPort)
			if err != nil {
				b.Error(err)
				return
			}
			time.Sleep(time.Until(ready))
			defer func() { _ = c.Close() }()
			end := time.Now().Add(long)
			time.Sleep(every * time.Duration(i) / time.Duration(conns))
			var mine []time.Duration
			for due := time.Now(); due.Before(end); due = due.Add(every) {
				time.Sleep(time.Until(due))
				d, err := agenttest.RoundTrip(c, "hello", patience)
				if err != nil && err != io.EOF {
					return
				}
				mine = append(mine, d)
			}
			mu.Lock()
			took = append(took, mine...)
			mu.Unlock()
		})
	}
	wait.Wait()
	return took
}

// BenchmarkApply measures how long it takes to apply a rule and to take it back, in an agent that is at rest: the kernel
// needs some 10 ms to forget what was taken away, and a delay that is applied meanwhile waits for that.
func BenchmarkApply(b *testing.B) {
	for name, rule := range map[string]chaos.NetRule{
		"drop":  {Drop: true, Peers: prefix(agenttest.Peer4)},
		"delay": {Delay: benchDelay, Peers: prefix(agenttest.Peer4)},
	} {
		b.Run(name, func(b *testing.B) {
			target, _ := agenttest.Pair(b)
			w := newWorker(b, target)
			op := chaos.Op{Verb: chaos.VerbNet, Net: &rule}
			var apply, undo time.Duration
			err := target.Do(func() error {
				for b.Loop() {
					time.Sleep(50 * time.Millisecond)
					began := time.Now()
					if _, err := w.Apply(b.Context(), "x", op); err != nil {
						return err
					}
					apply += time.Since(began)
					began = time.Now()
					if err := w.Clear(b.Context(), "x", op); err != nil {
						return err
					}
					undo += time.Since(began)
				}
				return nil
			})
			if err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(apply.Microseconds())/1e3/float64(b.N), "apply-ms")
			b.ReportMetric(float64(undo.Microseconds())/1e3/float64(b.N), "clear-ms")
		})
	}
}
