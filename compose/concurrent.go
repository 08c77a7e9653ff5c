package compose

import (
	"context"
	"sync"
	"time"
)

// each calls do for 0 to n-1, all at once, and waits.
func each(n int, do func(i int)) {
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { do(i) })
	}
	wg.Wait()
}

// retry calls do until it works, a quarter of a second apart.
func retry(ctx context.Context, tries int, do func() error) error {
	for {
		err := do()
		tries--
		if err == nil || tries <= 0 || !sleep(ctx, 250*time.Millisecond) {
			return err
		}
	}
}

// sleep waits for d; false if ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
