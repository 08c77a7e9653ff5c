package loadgen

import (
	"math"
	"slices"
	"time"
)

// EnoughConnections is how many connections the busiest class needs so that no request ever waits for one, however long the
// system hangs: its highest rate times the timeout, and an eighth on top.
func (p Profile) EnoughConnections() int {
	var sum float64
	class := map[string]float64{}
	for _, op := range p.weighted() {
		sum += op.Weight
		class[op.Class] += op.Weight
	}
	most := 0.0
	for _, w := range class {
		most = max(most, w/sum)
	}
	return int(math.Ceil(1.125*most*p.peak()*p.Timeout.Seconds())) + 1
}

// weighted are the operations with the steps of a session weighted as its first.
func (p Profile) weighted() []Op {
	out := slices.Clone(p.Ops)
	for i := range out {
		head, _ := p.head(i, len(p.Ops))
		out[i].Weight = p.Ops[head].Weight
	}
	return out
}

// head finds the first operation of the session that op i belongs to, within its block of operations, and how long after it
// op i is due. For a single operation these are itself and 0. The chain was checked: it ends.
func (p Profile) head(i, block int) (int, time.Duration) {
	var after time.Duration
	from := i - i%block
	for range block {
		op := p.Ops[i]
		k := slices.IndexFunc(p.Ops[from:from+block], func(o Op) bool { return o.Name == op.After })
		if op.After == "" || k < 0 {
			break
		}
		i, after = from+k, after+op.Think
	}
	return i, after
}

// deal gives each arrival of the trace to an operation, by name or else by weight; nil without a trace. The steps of a session
// get none of their own.
func (p Profile) deal() [][]time.Duration {
	if len(p.Shape.Trace) == 0 {
		return nil
	}
	out := make([][]time.Duration, len(p.Ops))
	names := map[string][]int{}
	var all []int
	for i, op := range p.Ops {
		out[i] = []time.Duration{} // not nil: it has a trace, of nothing
		if op.After == "" {
			names[op.Name], all = append(names[op.Name], i), append(all, i)
		}
	}
	dice := newDice(p.Seed, -2, 0)
	for k, a := range p.Shape.Trace {
		own := names[a.Op]
		if len(own) == 0 {
			own = all
		}
		i := p.draw(own, dice.roll(uint64(k)))
		out[i] = append(out[i], a.At)
	}
	return out
}

// draw picks one of some operations by weight.
func (p Profile) draw(ops []int, roll uint64) int {
	var sum float64
	for _, i := range ops {
		sum += p.Ops[i].Weight
	}
	ball := sum * float64(roll>>11) / (1 << 53)
	for _, i := range ops {
		if ball -= p.Ops[i].Weight; ball < 0 {
			return i
		}
	}
	return ops[len(ops)-1]
}
