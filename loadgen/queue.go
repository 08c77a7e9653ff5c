package loadgen

import "sync"

// queue holds samples between the attacks and a slow consumer. It grows as needed: a bounded one would block the library's
// workers and distort the load.
type queue struct {
	mu     sync.Mutex
	filled sync.Cond
	buf    []Sample
	closed bool
}

func newQueue() *queue {
	q := &queue{}
	q.filled.L = &q.mu
	return q
}

func (q *queue) put(s Sample) {
	q.mu.Lock()
	q.buf = append(q.buf, s)
	q.mu.Unlock()
	q.filled.Signal()
}

// close lets drain return after the last sample.
func (q *queue) close() {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	q.filled.Signal()
}

// keptCapacity is how many samples a buffer may hold to be used again: one that a stall of the consumer made large is given
// back.
const keptCapacity = 1 << 14

// drain calls emit for each sample until the queue is closed and empty. The two buffers take turns.
func (q *queue) drain(emit func(Sample)) {
	var batch []Sample
	for {
		q.mu.Lock()
		for len(q.buf) == 0 && !q.closed {
			q.filled.Wait()
		}
		if cap(batch) > keptCapacity {
			batch = nil
		}
		batch, q.buf = q.buf, batch[:0]
		q.mu.Unlock()
		if len(batch) == 0 {
			return
		}
		for _, s := range batch {
			emit(s)
		}
	}
}
