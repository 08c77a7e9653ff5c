package logs

import (
	"sync"
	"time"
)

// Throttle lets so many lines through per second and counts the others, so that an outage does not become a flood of lines.
// The zero value lets nothing through.
type Throttle struct {
	PerSecond int

	mu      sync.Mutex
	second  int64
	passed  int
	dropped int
}

// Pass says whether a line may be written at now, and how many were held back since the last one that was.
func (t *Throttle) Pass(now time.Time) (ok bool, dropped int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if s := now.Unix(); s != t.second {
		t.second, t.passed = s, 0
	}
	if t.passed >= t.PerSecond {
		t.dropped++
		return false, 0
	}
	t.passed++
	dropped, t.dropped = t.dropped, 0
	return true, dropped
}
