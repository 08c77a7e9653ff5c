package score

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"gauntlet/experiments/history"
	"gauntlet/experiments/probe"
	"gauntlet/experiments/spec"
	"gauntlet/loadgen"
)

// book is what one pass over the samples yields.
type book struct {
	span     span
	meters   []*meter // by class, then region
	total    []slot   // all classes together, slots of minSlot from span.from
	answered *hdrhistogram.Histogram
	baseline *hdrhistogram.Histogram
	ends     []loadgen.Outcome // outcome by ledger id; 0: no such request was recorded
	acked    []uint32          // acknowledged writes of the ledger, by second of their end
	probes   []spec.Probe
	paused   map[int64]bool // the judged seconds in which this machine paused, from the origin
	account  uint64

	goodBefore uint64 // good requests of the baseline
	lag        *hdrhistogram.Histogram
	damage     []error
}

// keep reads all samples.
func keep(e spec.Experiment, h *history.History) *book {
	b := &book{span: spanOf(e, h), probes: e.Probes, answered: newHistogram(), baseline: newHistogram(), lag: newHistogram()}
	b.total = make([]slot, (b.span.length()+minSlot-1)/minSlot)
	b.paused = pausedSeconds(h, b.span)
	rates := plannedRates(h.Header)
	for s, err := range inDueOrder(h.Samples(), h.Header.Timeout) {
		if err != nil {
			b.damage = append(b.damage, err)
			continue
		}
		b.add(s, h.Header.Limit, rates[[2]string{s.Class, s.Region}])
	}
	slices.SortFunc(b.meters, func(x, y *meter) int { return cmp.Or(cmp.Compare(x.Name, y.Name), cmp.Compare(x.Region, y.Region)) })
	return b
}

// pausedSeconds are the judged seconds in which this machine paused: it did not run the generator, and perhaps not the system either.
func pausedSeconds(h *history.History, judged span) map[int64]bool {
	out := map[int64]bool{}
	if h.End == nil {
		return out
	}
	for _, at := range probe.Seconds(h.End.Pauses) {
		if at+time.Second > judged.from && at < judged.to {
			out[int64(at/time.Second)] = true
		}
	}
	return out
}

// plannedRates are the requests per second of each class and region.
func plannedRates(h history.Header) map[[2]string]float64 {
	rates := map[[2]string]float64{}
	for _, op := range h.Ops {
		rates[[2]string{op.Class, ""}] += op.Rate
	}
	for _, r := range h.Regions {
		rates[[2]string{r.Class, r.Region}] += r.Rate
	}
	return rates
}

func (b *book) add(s loadgen.Sample, limit time.Duration, rate float64) {
	b.account++
	b.remember(s)
	if s.Out != loadgen.Missed {
		recordLatency(b.lag, s.Lag())
	}
	b.meter(s, rate).add(s, limit)
	if s.Out == loadgen.OK && s.Due >= b.span.baseline && s.Due < b.span.from {
		recordLatency(b.baseline, s.Latency())
		if !isBad(s, limit) {
			b.goodBefore++
		}
	}
	if s.Due < b.span.from || s.Due >= b.span.to {
		return
	}
	if s.Out == loadgen.OK {
		recordLatency(b.answered, s.Latency())
	}
	sl := &b.total[(s.Due-b.span.from)/minSlot]
	sl.due++
	if isBad(s, limit) {
		sl.bad++
	}
}

// maxLedger bounds the memory of the ledger: a damaged recording could name any id.
const maxLedger = 1 << 28

// remember notes how a write ended. Ids are dense from 1.
func (b *book) remember(s loadgen.Sample) {
	if s.ID == 0 {
		return
	}
	if s.ID > maxLedger {
		b.damage = append(b.damage, fmt.Errorf("%w: ledger id %d", history.ErrDamaged, s.ID))
		return
	}
	if need := int(s.ID) + 1; need > len(b.ends) {
		b.ends = append(b.ends, make([]loadgen.Outcome, max(need, 2*len(b.ends))-len(b.ends))...)
	}
	b.ends[s.ID] = s.Out
	if s.Out == loadgen.OK {
		b.ack(s.End)
	}
}

// meter finds the sample's meter or begins one.
func (b *book) meter(s loadgen.Sample, rate float64) *meter {
	for _, m := range b.meters {
		if m.Name == s.Class && m.Region == s.Region {
			return m
		}
	}
	m := newMeter(s.Class, s.Region, max(rate, 0.001), b.span)
	m.paused = b.paused
	b.meters = append(b.meters, m)
	return m
}

// lostSeconds is the traffic-weighted mean of the classes' lost seconds, with the interval that voided seconds leave: each
// could have been wholly good or wholly lost.
func (b *book) lostSeconds() Interval {
	var out Interval
	var rates float64
	for _, m := range b.meters {
		rates += m.rate
	}
	for _, m := range b.meters {
		share := m.rate / rates
		out.Value += share * m.LostSeconds
		out.Hi += share * float64(m.UnknownSecs)
	}
	out.Lo, out.Hi = out.Value, out.Value+out.Hi
	return out
}

// voided is the number of judged seconds that are void for any class.
func (b *book) voided() int {
	n := 0
	for at := b.span.from.Truncate(time.Second); at < b.span.to; at += time.Second {
		if b.isVoid(at) {
			n++
		}
	}
	return n
}

// voidedIn is the number of judged seconds that touch one of these times and are void for any class.
func (b *book) voidedIn(when []span) int {
	n := 0
	for at := b.span.from.Truncate(time.Second); at < b.span.to; at += time.Second {
		near := slices.ContainsFunc(when, func(s span) bool { return at < s.to && at+time.Second > s.from })
		if near && b.isVoid(at) {
			n++
		}
	}
	return n
}

// load is the generator's account of itself.
func (b *book) load(h *history.History) Load {
	l := Load{Accounted: b.account, LagP99: quantile(b.lag, 99), LagMax: quantile(b.lag, 100), VoidedSecs: b.voided(), VoidedNear: b.voidedIn(critical(h))}
	if h.End != nil {
		for _, op := range h.Header.Ops {
			l.Planned += h.End.Planned[op.Name]
		}
	}
	return l
}
