package score

import (
	"cmp"
	"slices"
	"time"

	"gauntlet/experiments/register"
)

// sessionKey is one session's view of one register.
type sessionKey struct{ process, key int64 }

// sessions judges the reads of registers that one process alone writes, in ascending values: so an older value can be told from a
// newer one. The calls are in the order in which they began.
func (c *Consistency) sessions(owned []register.Op) {
	acked := acknowledged(owned)
	wrote, saw := map[sessionKey]int64{}, map[sessionKey]int64{}
	for _, op := range owned {
		at := sessionKey{op.Process, op.Key}
		switch {
		case op.Out != register.OK:
		case op.Kind == register.Set:
			wrote[at] = op.Value // a process makes one call after the other: it was answered before the next began
		case op.Kind == register.Session:
			c.Sessions++
			if op.Value < wrote[at] {
				c.MissedOwn++
			}
			if op.Value < saw[at] {
				c.GoneBack++
			}
			saw[at] = max(saw[at], op.Value)
			if age := staleness(acked[op.Key], op); age > 0 {
				c.Stale++
				c.Staleness = max(c.Staleness, age.Seconds())
			}
		}
	}
}

// acknowledged are the writes of each register that were answered with yes, by value.
func acknowledged(owned []register.Op) map[int64][]register.Op {
	out := map[int64][]register.Op{}
	for _, op := range owned {
		if op.Kind == register.Set && op.Out == register.OK {
			out[op.Key] = append(out[op.Key], op)
		}
	}
	for _, all := range out {
		slices.SortFunc(all, func(a, b register.Op) int { return cmp.Compare(a.Value, b.Value) })
	}
	return out
}

// staleness is for how long the value that a read showed had been overwritten when the read began: since the answer to the first
// write of a newer one. 0 if it had not been.
func staleness(writes []register.Op, read register.Op) time.Duration {
	i, _ := slices.BinarySearchFunc(writes, read.Value+1, func(w register.Op, v int64) int { return cmp.Compare(w.Value, v) })
	if i == len(writes) {
		return 0
	}
	return max(0, read.Call-writes[i].Return)
}
