package loadgen

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sync/errgroup"

	"gauntlet/loadgen/faketarget"
)

// sends notes when a request leaves on a connection.
type sends struct {
	mu sync.Mutex
	at []time.Time
}

func (s *sends) dial(dial dialFunc) dialFunc {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := dial(ctx, network, addr)
		return &notingConn{c, s}, err
	}
}

type notingConn struct {
	net.Conn
	sends *sends
}

func (c *notingConn) Write(b []byte) (int, error) {
	c.sends.mu.Lock()
	c.sends.at = append(c.sends.at, time.Now())
	c.sends.mu.Unlock()
	return c.Conn.Write(b)
}

// most is the largest number of sends within any span from a time on.
func (s *sends) most(span time.Duration, from time.Time) int {
	slices.SortFunc(s.at, time.Time.Compare)
	most, first := 0, 0
	for i, at := range s.at {
		for at.Sub(s.at[first]) >= span {
			first++
		}
		if !s.at[first].Before(from) {
			most = max(most, i-first+1)
		}
	}
	return most
}

// hang is a load in made-up time against a server that hangs for a while.
type hang struct {
	from, length, load time.Duration
	cancel             time.Duration // when the run is cancelled; 0: never
	burst              time.Duration // from when on bursts are looked for
}

// hung is what became of it.
type hung struct {
	got  []Sample
	most int           // the largest number of requests that left in any 100 ms
	over time.Duration // when the run returned
	err  error
}

func (h hang) run(t *testing.T, p Profile) (out hung) {
	synctest.Test(t, func(t *testing.T) {
		s := faketarget.StartInMemory()
		origin := time.Now()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		if h.cancel > 0 {
			defer time.AfterFunc(h.cancel, cancel).Stop()
		}
		var log sends
		var both errgroup.Group
		both.Go(func() error {
			return s.Play(t.Context(), origin, faketarget.Outage(faketarget.Behaviour{Mode: faketarget.Hang}, h.from, h.length)...)
		})
		both.Go(func() error {
			var rep Report
			rep, out.err = runOver(ctx, log.dial(s.Dial), p, Target{Base: s.URL(), Origin: origin, Start: 500 * time.Microsecond, Length: h.load}, func(x Sample) { out.got = append(out.got, x) })
			out.over = time.Since(origin)
			if rep.Planned["read"] != uint64(len(out.got)) || rep.Retried != 0 {
				t.Errorf("report %+v with %d samples", rep, len(out.got))
			}
			return nil
		})
		if err := both.Wait(); err != nil {
			t.Error(err)
		}
		s.Close()
		out.most = log.most(100*time.Millisecond, origin.Add(h.burst))
	})
	if out.err != nil && h.cancel == 0 {
		t.Error(out.err)
	}
	return out
}

// inTheMiddle is a hang of 2 s with load before and after it.
var inTheMiddle = hang{from: 3 * time.Second, length: 2 * time.Second, load: 9 * time.Second, burst: 4 * time.Second}

// After a hang of 2 s at 1,000 requests per second no 100 ms have more than 120 requests, whether the queue is in the generator
// (64 connections) or none is needed (as many as can be on their way). In the second case the requests that are bad are those of
// an unlimited generator: the ones due in the first second.
func TestNoBurstAfterAHang(t *testing.T) {
	for _, tt := range []struct {
		connections int
		badFrom, to int
	}{
		{64, 1000, 1950}, // what could not leave is missed, up to all that was due
		{0, 999, 1001},
	} {
		t.Run(fmt.Sprint(tt.connections), func(t *testing.T) {
			p := profileOf(1000, readOp)
			p.CatchUp = 1.2
			if p.Connections = tt.connections; p.Connections == 0 {
				p.Connections = p.EnoughConnections()
			}
			h := inTheMiddle.run(t, p)
			got, most := h.got, h.most
			c := count(got)
			t.Logf("%d connections: at most %d requests per 100 ms, outcomes %v", p.Connections, most, c)
			if most > 122 { // two may fall on the edges
				t.Errorf("%d requests left within 100 ms, want at most 120", most)
			}
			if bad := c[Fail] + c[Missed]; len(got) != 9000 || bad < tt.badFrom || bad > tt.to {
				t.Errorf("%d samples, %d bad; want 9000 and %d to %d", len(got), bad, tt.badFrom, tt.to)
			}
			for _, x := range got {
				if (x.Due < 2900*time.Millisecond || x.Due > 5100*time.Millisecond) && (x.Out != OK || x.Latency() > time.Millisecond) {
					t.Fatalf("a request beside the hang was held up: %+v", x)
				}
			}
		})
	}
}

// A server that hangs until the load is over: what waits at the gate then leaves at the pace that the schedule had, and is neither sent
// at once nor held back until its deadline.
func TestTheRestLeavesAfterTheEnd(t *testing.T) {
	p := profileOf(1000, readOp)
	p.CatchUp, p.Timeout, p.Connections = 1.2, 20*time.Second, 64
	h := hang{from: time.Second, length: 3 * time.Second, load: 4 * time.Second, burst: 3500 * time.Millisecond}.run(t, p)
	got, most := h.got, h.most
	var last time.Duration
	for _, x := range got {
		last = max(last, x.End)
	}
	c := count(got)
	t.Logf("at most %d requests per 100 ms, outcomes %v, the last ended at %v", most, c, last)
	if len(got) != 4000 || c[OK] != 4000 || last > 7*time.Second { // 3,000 wait, 1,200 of them leave in a second
		t.Errorf("%d samples, %v, the last ended at %v; want 4000 and all OK within 7 s", len(got), c, last)
	}
	if most > 122 {
		t.Errorf("%d requests left within 100 ms, want at most 120", most)
	}
}

// Without a limit the queue leaves at once: the instrument test of a stall needs that, and a card must not hide it.
func TestBurstWithoutALimit(t *testing.T) {
	if h := inTheMiddle.run(t, profileOf(1000, readOp)); h.most < 500 {
		t.Errorf("%d requests within 100 ms; want the whole queue, or this test measures nothing", h.most)
	}
}

// A gate never lets more pass at a time than it has places, and forgets nobody.
func TestGateKeepsItsPlaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		g := newGate(3, 2, func(from, to time.Time) uint64 { return uint64(to.Sub(from) / (10 * time.Millisecond)) })
		defer g.close()
		var mu sync.Mutex
		var inside, most, done, gaveUp int
		var all sync.WaitGroup
		for i := range 200 {
			due := begin.Add(time.Duration(i) * 10 * time.Millisecond)
			all.Go(func() {
				time.Sleep(time.Until(due))
				ctx, cancel := context.WithDeadline(t.Context(), due.Add(time.Second))
				defer cancel()
				if g.enter(ctx, due) != nil {
					mu.Lock()
					defer mu.Unlock()
					gaveUp++
					return
				}
				mu.Lock()
				inside++
				most = max(most, inside)
				mu.Unlock()
				time.Sleep(50 * time.Millisecond) // five would be needed
				mu.Lock()
				inside--
				done++
				mu.Unlock()
				g.leave()
			})
		}
		all.Wait()
		if most != 3 || done+gaveUp != 200 || done < 100 || gaveUp < 50 {
			t.Errorf("at most %d inside, %d passed, %d gave up; want 3, and 60 per second to pass", most, done, gaveUp)
		}
		if g.used != 0 || len(g.fresh) != 0 {
			t.Errorf("%d places taken and %d waiting at the end", g.used, len(g.fresh))
		}
	})
}

// The newest of the overdue goes first, and none of them where pace is 1.
func TestGateOrder(t *testing.T) {
	for _, pace := range []float64{1, 1.5} {
		synctest.Test(t, func(t *testing.T) {
			g := newGate(1, pace, func(from, to time.Time) uint64 { return uint64(math.Round(to.Sub(from).Seconds() * 100)) })
			defer g.close()
			now := time.Now()
			if err := g.enter(t.Context(), now); err != nil {
				t.Fatal(err)
			}
			var order []int
			var mu sync.Mutex
			var all sync.WaitGroup
			for i := range 3 {
				all.Go(func() {
					ctx, cancel := context.WithTimeout(t.Context(), time.Second)
					defer cancel()
					time.Sleep(time.Duration(i) * time.Millisecond)
					if g.enter(ctx, now.Add(time.Duration(i)*time.Millisecond)) == nil {
						mu.Lock()
						order = append(order, i)
						mu.Unlock()
						g.leave()
					}
				})
			}
			time.Sleep(500 * time.Millisecond)
			g.leave()
			all.Wait()
			want := []int{2, 1, 0}
			if pace == 1 {
				want = nil
			}
			if !slices.Equal(order, want) {
				t.Errorf("pace %v: order %v, want %v", pace, order, want)
			}
		})
	}
}

func TestCounter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c counter
		for range 3000 {
			c.add(time.Now())
			time.Sleep(7 * time.Millisecond)
		}
		for _, tt := range []struct {
			span time.Duration
			want uint64
		}{{100 * time.Millisecond, 14}, {time.Second, 142}, {10 * time.Second, 1428}} {
			if got := c.since(time.Now(), tt.span); got < tt.want || got > tt.want+2 {
				t.Errorf("%d in the last %v, want %d and what is in the slot before", got, tt.span, tt.want)
			}
		}
		time.Sleep(time.Hour)
		if got := c.since(time.Now(), 10*time.Second); got != 0 {
			t.Errorf("%d after an hour of silence", got)
		}
	})
}

// What the generator itself was late with passes at once while nobody waits: its hiccups are not the system's slowness. What is too
// late for that is held back like all that is overdue.
func TestOwnLatenessIsNotHeldBack(t *testing.T) {
	for _, c := range []struct {
		late     time.Duration
		low, top int
	}{{0, 20, 20}, {190 * time.Millisecond, 20, 20}, {210 * time.Millisecond, 0, 2}} {
		synctest.Test(t, func(t *testing.T) {
			g := newGate(1000, 1.2, func(from, to time.Time) uint64 { return uint64(to.Sub(from) / (10 * time.Millisecond)) })
			defer g.close()
			due, passed := time.Now().Add(-c.late), 0
			ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			defer cancel()
			for range 20 {
				if g.enter(ctx, due) == nil {
					passed++
				}
			}
			if passed < c.low || passed > c.top {
				t.Errorf("%d of 20 that were %v late passed at once, want %d to %d", passed, c.late, c.low, c.top)
			}
		})
	}
}

// No more than lineLimit wait; who comes then is told at once, and one of the line that is given up makes room.
func TestTheLineIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(1, 1.2, func(_, _ time.Time) uint64 { return 1 })
		defer g.close()
		if err := g.enter(t.Context(), time.Now()); err != nil {
			t.Fatal(err)
		}
		ctx, giveUp := context.WithCancel(t.Context())
		var waiting sync.WaitGroup
		for range lineLimit {
			waiting.Go(func() {
				if g.enter(ctx, time.Now()) == nil {
					t.Error("there was a second place")
				}
			})
		}
		synctest.Wait()
		if err := g.enter(t.Context(), time.Now()); !errors.Is(err, errLineFull) {
			t.Errorf("behind %d others: %v", lineLimit, err)
		}
		giveUp()
		waiting.Wait()
		soon, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if err := g.enter(soon, time.Now()); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("after they left: %v, want it to wait", err)
		}
	})
}
