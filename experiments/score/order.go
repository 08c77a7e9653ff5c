package score

import (
	"container/heap"
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
			heap.Push(&held, s)
			seen = max(seen, s.End)
			for len(held) > 0 && held[0].Due < seen-deadline-slack {
				if !yield(heap.Pop(&held).(loadgen.Sample), nil) {
					return
				}
			}
		}
		for len(held) > 0 {
			if !yield(heap.Pop(&held).(loadgen.Sample), nil) {
				return
			}
		}
	}
}

// dueHeap is a heap of samples by due time, then by op, so that equal due times have one order.
type dueHeap []loadgen.Sample

func (h dueHeap) Len() int { return len(h) }

func (h dueHeap) Less(i, j int) bool {
	if h[i].Due != h[j].Due {
		return h[i].Due < h[j].Due
	}
	return h[i].Op < h[j].Op
}

func (h dueHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }

// Push adds a sample; package heap calls it.
func (h *dueHeap) Push(x any) { *h = append(*h, x.(loadgen.Sample)) }

// Pop removes the last sample; package heap calls it.
func (h *dueHeap) Pop() any {
	old := *h
	last := old[len(old)-1]
	*h = old[:len(old)-1]
	return last
}
