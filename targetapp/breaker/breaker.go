// Package breaker keeps a caller from waiting for a part that is down: after some failures in a row it lets nothing through for a
// while, then one try at a time until one succeeds.
package breaker

import (
	"sync"
	"time"
)

// Breaker is closed, and lets all through, until Failures calls in a row failed. Then it is open for Pause; after that one call
// may try, and decides. The zero value never opens. It may be used by many at once.
type Breaker struct {
	Failures int
	Pause    time.Duration

	mu     sync.Mutex
	failed int       // in a row
	until  time.Time // open until then
	trying bool      // one call is under way that decides
}

// Allow says whether a call may be made now. Who was allowed must call Done.
func (b *Breaker) Allow() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.Failures == 0 || b.failed < b.Failures {
		return true
	}
	if b.trying || time.Now().Before(b.until) {
		return false
	}
	b.trying = true
	return true
}

// Done reports how a call that was allowed ended.
func (b *Breaker) Done(ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.trying = false
	if ok {
		b.failed = 0
		return
	}
	if b.failed++; b.failed >= b.Failures {
		b.until = time.Now().Add(b.Pause)
	}
}

// Open says whether calls are refused now.
func (b *Breaker) Open() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Failures > 0 && b.failed >= b.Failures
}
