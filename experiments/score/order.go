package score

import (
	"iter"
	"time"

	"gauntlet/loadgen"
)

// inDueOrder brings samples, recorded about in the order of their ends, into the order of their due times, and yields each
// error as it comes. A request ends at the latest a deadline after it was due and is recorded at once, so when one is seen that
// ended at E all that were due before E - deadline - slack have been seen. Memory is bounded by what is due in that time.
func inDueOrder(samples iter.Seq2[loadgen.Sample, error], deadline time.Duration) iter.Seq2[loadgen.Sample, error] {
	const slack = 3 * time.Second
	return func(yield func(loadgen.Sample, error) bool) {
		var held dueHeap
		var seen time.Duration
		for s, err := range samples {
			if err != nil {
				if !yield(s, err) {
					return
				}
				continue
			}
			held.push(s)
			seen = max(seen, s.End)
			for len(held.keys) > 0 && held.keys[0].due < seen-deadline-slack {
				if !yield(held.pop(), nil) {
					return
				}
			}
		}
		for len(held.keys) > 0 {
			if !yield(held.pop(), nil) {
				return
			}
		}
	}
}

// dueHeap is a heap of samples by due time, then by op, so that equal due times have one order.
//
// Note: package container/heap would box each sample and move all of it at each step; keys that point to where it lies take
// half the time to score a run and two allocations less for each request.
type dueHeap struct {
	keys  []dueKey
	slots []loadgen.Sample
	free  []int32 // slots that are not in use
}

type dueKey struct {
	due  time.Duration
	op   string
	slot int32
}

func (a dueKey) less(b dueKey) bool {
	if a.due != b.due {
		return a.due < b.due
	}
	return a.op < b.op
}

func (h *dueHeap) push(s loadgen.Sample) {
	slot := int32(len(h.slots))
	if n := len(h.free); n > 0 {
		slot, h.free = h.free[n-1], h.free[:n-1]
		h.slots[slot] = s
	} else {
		h.slots = append(h.slots, s)
	}
	h.keys = append(h.keys, dueKey{s.Due, s.Op, slot})
	for i := len(h.keys) - 1; i > 0; {
		parent := (i - 1) / 2
		if !h.keys[i].less(h.keys[parent]) {
			return
		}
		h.keys[i], h.keys[parent] = h.keys[parent], h.keys[i]
		i = parent
	}
}

// pop removes the first sample.
func (h *dueHeap) pop() loadgen.Sample {
	last := len(h.keys) - 1
	h.keys[0], h.keys[last] = h.keys[last], h.keys[0]
	slot := h.keys[last].slot
	h.keys = h.keys[:last]
	h.free = append(h.free, slot)
	for i := 0; ; {
		child := 2*i + 1
		if child >= last {
			break
		}
		if right := child + 1; right < last && h.keys[right].less(h.keys[child]) {
			child = right
		}
		if !h.keys[child].less(h.keys[i]) {
			break
		}
		h.keys[i], h.keys[child] = h.keys[child], h.keys[i]
		i = child
	}
	return h.slots[slot]
}
