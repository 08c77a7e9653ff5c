package loadgen

import (
	"context"
	"maps"
	"sync"
)

// visits are the sessions of one chain of operations that are under way. A session's steps are due at times that are known
// before: think time after think time from its first step. A step waits for the end of the one before it, as a user would, and
// that wait is part of its latency. Sessions are told apart by the number that their first step has in its schedule.
type visits struct {
	steps []uint64 // requests in the schedule of each step

	mu   sync.Mutex
	open map[uint64]*visit
}

// visit is one session.
type visit struct {
	ended  []chan struct{} // per step, closed at its end
	values map[string]string
	rest   int // steps that have not ended
}

func newVisits() *visits { return &visits{open: map[uint64]*visit{}} }

// get finds a session or begins it. The caller holds the lock.
func (v *visits) get(k uint64) *visit {
	s := v.open[k]
	if s == nil {
		s = &visit{values: map[string]string{}}
		for _, n := range v.steps {
			s.ended = append(s.ended, make(chan struct{}))
			if k < n {
				s.rest++
			}
		}
		v.open[k] = s
	}
	return s
}

// wait waits for the end of a step of session k, and returns the values captured so far.
func (v *visits) wait(ctx context.Context, k uint64, step int) (map[string]string, error) {
	v.mu.Lock()
	s := v.get(k)
	v.mu.Unlock()
	select {
	case <-s.ended[step]:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	return maps.Clone(s.values), nil
}

// end ends a step of session k with what it captured.
func (v *visits) end(k uint64, step int, got map[string]string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	s := v.get(k)
	maps.Copy(s.values, got)
	close(s.ended[step])
	if s.rest--; s.rest == 0 {
		delete(v.open, k)
	}
}
