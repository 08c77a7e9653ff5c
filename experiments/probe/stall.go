package probe

import (
	"context"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// The stall probe's limits. A tick later than StallLimit is a [Pause]; above one of the others the machine was too busy for anything to
// be concluded from a run.
const (
	StallLimit = 60 * time.Millisecond // then 1 in 100 ticks of a second is later than the 50 ms that a generator may lag
	PauseLimit = 0.1                   // share of the seconds that a pause touches, in [0,1]
	StealLimit = 0.05                  // share of the processors' time that a hypervisor gave to others, in [0,1]
)

// StallTick is how often the stall probe wants to run.
//
// Note: a tick of 1 ms took 4.5 % of a processor of a virtual machine, which is what all probes together may take, and tells
// waits of 50 ms no better.
const StallTick = 4 * time.Millisecond

// Stalls says how late a clock that ticks every StallTick was: how long this machine left a process that was ready to run
// waiting. Each tick counts, also those that passed while it waited, so that a stall of 200 ms is 50 late ticks.
type Stalls struct {
	Ticks  uint64        // that were due
	P999   time.Duration // 99.9th percentile of their lateness, rounded up to a millisecond
	Max    time.Duration // the longest wait
	At     time.Duration // when the longest wait ended, from the start of the probe
	Pauses []Pause       // in order of time, from the start of the probe
	Steal  float64       // share of the processors' time given to others, in [0,1]; -1: this system does not say
}

// Pause is a time in which this machine left a process that was ready to run waiting for more than StallLimit, or several of them with
// less than a second between.
type Pause struct {
	From time.Duration `json:"from_ns"`
	To   time.Duration `json:"to_ns"`
}

// Seconds are the starts of the whole seconds that pauses touch, each once.
func Seconds(pauses []Pause) []time.Duration {
	var out []time.Duration
	for _, p := range pauses {
		for at := p.From.Truncate(time.Second); at <= p.To; at += time.Second {
			if n := len(out); n == 0 || at > out[n-1] {
				out = append(out, at)
			}
		}
	}
	return out
}

// WatchStalls ticks until ctx ends and returns what it saw. It takes about 2 % of a processor, and waits for one as an ordinary process
// does even if this one goes before others.
func WatchStalls(ctx context.Context) (out Stalls) {
	var wg sync.WaitGroup
	wg.Go(func() {
		ordinary()
		out = watchStalls(ctx)
	})
	wg.Wait()
	return out
}

func watchStalls(ctx context.Context) Stalls {
	m := stallMeter{}
	steal, total, known := stolen()
	start := time.Now()
	timer := time.NewTimer(StallTick)
	defer timer.Stop()
	for ctx.Err() == nil {
		timer.Reset(max(0, m.next()-time.Since(start)))
		select {
		case <-ctx.Done():
		case <-timer.C:
			m.woke(time.Since(start))
		}
	}
	out := m.result()
	out.Steal = -1
	if s, t, ok := stolen(); ok && known && t > total {
		out.Steal = (s - steal) / (t - total)
	}
	return out
}

// Void says whether the machine was too busy for anything to be concluded.
func (s Stalls) Void() bool { return s.paused() > PauseLimit || s.Steal > StealLimit }

// paused is the share of the seconds that a pause touches, in [0,1].
func (s Stalls) paused() float64 {
	lasted := (time.Duration(s.Ticks)*StallTick + time.Second - 1) / time.Second
	return float64(len(Seconds(s.Pauses))) / float64(max(1, lasted))
}

// Limits of AwaitCalm. A machine counts as calm when its clock was on time for two seconds in a row.
const (
	calmWithin = 15 * time.Millisecond // p99.9 of a tick's lateness in one second
	calmFor    = 2                     // seconds
)

// AwaitCalm returns when this machine has time again for a process that is ready to run, such as after the start of many containers,
// or when ctx ends; then it says how busy it was last.
func AwaitCalm(ctx context.Context) (last Stalls, err error) {
	for calm := 0; calm < calmFor; {
		second, stop := context.WithTimeout(ctx, time.Second)
		last = WatchStalls(second)
		stop()
		if ctx.Err() != nil {
			return last, context.Cause(ctx)
		}
		if calm++; last.P999 > calmWithin {
			calm = 0
		}
	}
	return last, nil
}

// String says what was seen, for a note in the recording.
func (s Stalls) String() string {
	out := ""
	if s.Steal >= 0 {
		out = fmt.Sprintf("%.1f %% of the processors' time went to others (limit %.0f %%); ", 100*s.Steal, 100*StealLimit)
	}
	return out + fmt.Sprintf("a clock of %s was up to %s late (p99.9, %s at most), more than %s in %.0f %% of the seconds (limit %.0f %%)",
		StallTick, s.P999, s.Max.Round(time.Millisecond), StallLimit, 100*s.paused(), 100*PauseLimit)
}

// maxLate is the longest lateness that is told from longer ones, in milliseconds.
const maxLate = 10_000

// stallMeter counts ticks by their lateness in milliseconds, rounded up.
type stallMeter struct {
	counts [maxLate + 1]uint64
	ticks  uint64
	max    time.Duration
	at     time.Duration
	pauses []Pause
}

// next is when the next tick is due.
func (m *stallMeter) next() time.Duration { return time.Duration(m.ticks+1) * StallTick }

// woke takes all ticks that were due until now.
func (m *stallMeter) woke(now time.Duration) {
	if late := now - m.next(); late > m.max {
		m.max, m.at = late, now
	}
	m.pause(m.next(), now)
	for m.next() <= now {
		late := (now - m.next() + time.Millisecond - 1) / time.Millisecond
		m.counts[min(late, maxLate)]++
		m.ticks++
	}
}

// pause notes a tick that was due and when it came, if that was too late.
func (m *stallMeter) pause(due, now time.Duration) {
	if now-due <= StallLimit {
		return
	}
	if n := len(m.pauses); n > 0 && due-m.pauses[n-1].To < time.Second {
		m.pauses[n-1].To = now
		return
	}
	m.pauses = append(m.pauses, Pause{From: due, To: now})
}

func (m *stallMeter) result() Stalls {
	out := Stalls{Ticks: m.ticks, Max: m.max, At: m.at, Pauses: m.pauses}
	left := uint64(math.Floor(float64(m.ticks) * 0.001)) // so many may be later
	for late := maxLate; late >= 0 && m.ticks > 0; late-- {
		if m.counts[late] > left {
			out.P999 = time.Duration(late) * time.Millisecond
			return out
		}
		left -= m.counts[late]
	}
	return out
}

// stolen reads the processors' stolen and total time, in ticks of the kernel, from /proc/stat: user nice system idle iowait irq
// softirq steal.
func stolen() (steal, total float64, ok bool) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, 0, false
	}
	line, _, _ := strings.Cut(string(text), "\n")
	fields := strings.Fields(line)
	if len(fields) < 9 || fields[0] != "cpu" {
		return 0, 0, false
	}
	for i, f := range fields[1:9] {
		x, err := strconv.ParseFloat(f, 64)
		if err != nil {
			return 0, 0, false
		}
		if total += x; i == 7 {
			steal = x
		}
	}
	return steal, total, true
}
