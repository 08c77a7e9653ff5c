package score

import (
	"math"
	"strings"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"gauntlet/loadgen"
)

// minSlot is the length of the slots that lost seconds are summed over. A class with fewer than 20 requests a second has
// longer ones, so that two requests are due in each: in an open loop a slot with nothing due says nothing.
const minSlot = 100 * time.Millisecond

// lagLimit is the generator's own lag above which its p99 voids a second.
const lagLimit = 50 * time.Millisecond

// slotOf is the length of a class's slots, a divisor of a second or a multiple of it.
func slotOf(rate float64) time.Duration {
	for _, slot := range []time.Duration{minSlot, 200 * time.Millisecond, 500 * time.Millisecond, time.Second} {
		if rate*slot.Seconds() >= 2 {
			return slot
		}
	}
	return time.Duration(math.Ceil(2/rate)) * time.Second
}

// meter measures one class of operations of one region.
type meter struct {
	Class
	rate    float64
	span    span
	slot    time.Duration
	slots   []slot
	seconds map[int64]*lagSecond // by due second from the origin; those of the judged time only
	paused  map[int64]bool       // likewise: this machine paused
	outages outages
	normal  *hdrhistogram.Histogram // latencies of answered requests in µs, baseline
	judged  *hdrhistogram.Histogram // the same, fault and recovery
	good    completions
	okBase  uint64
}

type slot struct{ due, bad uint32 }

// lagSecond counts the requests of one second of due time and those that the generator took up too late.
type lagSecond struct{ due, late uint64 }

// void says whether the generator was at fault: the p99 of its lag was above the limit.
func (l *lagSecond) void() bool { return l.late*100 > l.due }

func newMeter(name, region string, rate float64, sp span) *meter {
	m := &meter{Class: Class{Name: name, Region: region}, rate: rate, span: sp, slot: slotOf(rate), seconds: map[int64]*lagSecond{}}
	m.slots = make([]slot, (sp.length()+m.slot-1)/m.slot)
	m.good = newCompletions(sp)
	m.outages.resolution = time.Duration(float64(time.Second) / rate)
	m.normal, m.judged = newHistogram(), newHistogram()
	return m
}

// newHistogram holds 1 µs to 10 minutes with three digits in about 200 KB, whatever is recorded.
func newHistogram() *hdrhistogram.Histogram {
	return hdrhistogram.New(1, int64(10*time.Minute/time.Microsecond), 3)
}

func recordLatency(h *hdrhistogram.Histogram, d time.Duration) {
	_ = h.RecordValue(min(max(1, d.Microseconds()), h.HighestTrackableValue()))
}

// add takes a sample; they come in the order of their due times.
func (m *meter) add(s loadgen.Sample, limit time.Duration) {
	bad := isBad(s, limit)
	if s.Due < m.span.baseline || s.Due >= m.span.to {
		return
	}
	m.outages.add(s.Due, s.End, bad, serverOf(s.Server))
	if !bad {
		m.good.add(s.End)
	}
	if s.Due < m.span.from || m.span.from == m.span.baseline {
		if s.Out == loadgen.OK {
			recordLatency(m.normal, s.Latency())
			m.okBase++
		}
	}
	if s.Due >= m.span.from {
		m.judge(s, bad)
	}
}

// judge takes a sample of the judged time.
func (m *meter) judge(s loadgen.Sample, bad bool) {
	m.Planned++
	switch s.Out {
	case loadgen.OK:
		m.OK++
		recordLatency(m.judged, s.Latency())
		if bad {
			m.Slow++
		}
	case loadgen.Fail:
		m.Fail++
	case loadgen.Info:
		m.Info++
	default:
		m.Missed++
	}
	sl := &m.slots[(s.Due-m.span.from)/m.slot]
	sl.due++
	if bad {
		sl.bad++
	}
	sec := m.seconds[int64(s.Due/time.Second)]
	if sec == nil {
		sec = &lagSecond{}
		m.seconds[int64(s.Due/time.Second)] = sec
	}
	// A request that was missed for want of a connection was kept waiting by the system; one that was missed because the generator
	// itself was late says nothing of it.
	late := s.Lag() > lagLimit
	if s.Out == loadgen.Missed {
		late = s.Err == loadgen.ErrKindLate || s.Err == loadgen.ErrKindPorts
	}
	if sec.due++; late {
		sec.late++
	}
}

// isBad is what a client calls bad: failed, unknown, missed, or slower than the limit.
func isBad(s loadgen.Sample, limit time.Duration) bool {
	return s.Out != loadgen.OK || s.Code >= 500 || s.Latency() > limit
}

// finish computes the class's figures.
func (m *meter) finish() Class {
	m.LongestGap = m.good.longestGap()
	for i := range m.slots {
		m.LostSeconds += m.lost(i)
	}
	m.UnknownSecs = m.voided(m.span.from, m.span.to)
	m.Availability = 1
	if w := m.span.length().Seconds(); w > 0 {
		m.Availability = 1 - m.LostSeconds/w
	}
	m.Outages = m.outages.windows()
	m.Worst = m.worstWindows()
	m.P50, m.P99 = quantile(m.normal, 50), quantile(m.normal, 99)
	m.FaultP50, m.FaultP99 = quantile(m.judged, 50), quantile(m.judged, 99)
	return m.Class
}

// lost is the lost seconds of one slot; one that reaches into a voided second has none.
func (m *meter) lost(i int) float64 {
	s := m.slots[i]
	from := m.span.from + time.Duration(i)*m.slot
	if s.due == 0 || m.voided(from, from+m.slot) > 0 {
		return 0
	}
	return m.slot.Seconds() * float64(s.bad) / float64(s.due)
}

// isVoid says whether nothing is known about the system in the second of a moment: the generator was at fault, or the machine.
func (m *meter) isVoid(at time.Duration) bool {
	n := int64(at / time.Second)
	sec := m.seconds[n]
	return m.paused[n] || sec != nil && sec.void()
}

// voided counts the void seconds from..to.
func (m *meter) voided(from, to time.Duration) int {
	n := 0
	for at := from.Truncate(time.Second); at < to; at += time.Second {
		if m.isVoid(at) {
			n++
		}
	}
	return n
}

// worstWindows are the lowest availabilities over any window of 1, 10 and 60 s that fits into the judged time.
func (m *meter) worstWindows() []WindowedWorst {
	var out []WindowedWorst
	for _, w := range []time.Duration{time.Second, 10 * time.Second, time.Minute} {
		n := int(w / m.slot)
		if n == 0 || n > len(m.slots) {
			continue
		}
		sum, worst := 0.0, 0.0
		for i := range m.slots {
			sum += m.lost(i)
			if i >= n {
				sum -= m.lost(i - n)
			}
			worst = max(worst, sum)
		}
		out = append(out, WindowedWorst{w, rounded(1 - worst/w.Seconds())})
	}
	return out
}

// rounded drops the dust of a running sum and keeps a ratio in [0,1].
func rounded(x float64) float64 { return min(1, max(0, math.Round(x*1e9)/1e9)) }

func quantile(h *hdrhistogram.Histogram, q float64) time.Duration {
	return time.Duration(h.ValueAtQuantile(q)) * time.Microsecond
}

// serverOf is the server that names itself first in X-Served-By; the app names the database that it asked after that.
func serverOf(servedBy string) string {
	name, _, _ := strings.Cut(servedBy, " ")
	return name
}
