package postgres

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestPaceSpreadsWhatWouldComeAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p pace
		start := time.Now()
		for i := range 3 {
			if err := p.wait(t.Context(), time.Second); err != nil {
				t.Fatal(err)
			}
			if got, want := time.Since(start), time.Duration(i)*dialEvery; got != want {
				t.Errorf("turn %d after %s, want %s", i, got, want)
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := p.wait(ctx, time.Second); !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled: %v", err)
		}
		if err := p.wait(t.Context(), dialEvery/2); !errors.Is(err, errPaced) {
			t.Errorf("got %v, want no wait for a turn that comes too late", err)
		}
		time.Sleep(time.Second)
		if begin := time.Now(); p.wait(t.Context(), 0) != nil || time.Since(begin) != 0 {
			t.Error("a turn that is free had to be waited for")
		}
	})
}
