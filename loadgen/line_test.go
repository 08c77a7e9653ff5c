package loadgen

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// untilTheEnd is a hang that lasts until the load is over.
var untilTheEnd = hang{from: time.Second, length: 4 * time.Second, load: 5 * time.Second}

// Requests that wait in line when the run is cancelled end then, each with a sample that says so.
func TestLineIsAbandonedAtOnce(t *testing.T) {
	p := profileOf(1000, readOp)
	p.CatchUp, p.Connections, p.Timeout = 1.2, 8, 20*time.Second
	cut := untilTheEnd
	cut.cancel = 3 * time.Second
	h := cut.run(t, p)
	got, over, err := h.got, h.over, h.err
	if !errors.Is(err, context.Canceled) || over > 3100*time.Millisecond {
		t.Errorf("%v after %v, want the end of the context at 3 s", err, over)
	}
	kinds := map[string]int{}
	for _, x := range got {
		kinds[x.Err]++
	}
	if len(got) < 2990 || len(got) > 3001 || kinds[""] < 990 || kinds[ErrKindCanceled] < 1980 || kinds[""]+kinds[ErrKindCanceled] != len(got) {
		t.Errorf("%d samples: %v; want 3,000, of which 1,000 are ok and the others canceled", len(got), kinds)
	}
}

// A request in line whose deadline passes is missed then and not later, and it is not the generator that is to blame.
func TestLineKeepsDeadlines(t *testing.T) {
	p := profileOf(1000, readOp)
	p.CatchUp, p.Connections, p.Timeout = 1.2, 8, time.Second
	h := untilTheEnd.run(t, p)
	got, over, err := h.got, h.over, h.err
	if err != nil || len(got) != 5000 || over > 6100*time.Millisecond {
		t.Fatalf("%d samples, %v after %v", len(got), err, over)
	}
	missed := 0
	for _, x := range got {
		if x.Out != Missed {
			continue
		}
		missed++
		if late := x.Latency() - p.Timeout; x.Err != ErrKindNoConnection || late < 0 || late > 2*time.Millisecond {
			t.Fatalf("%+v: want it missed at its deadline for want of a connection", x)
		}
	}
	if missed < 3000 {
		t.Errorf("%d missed, want those that were due in 4 s of hanging but the last second's", missed)
	}
}

// What waits because no connection is free is not the generator's lag, which would make the system's outage void.
func TestWaitingInLineIsNoLag(t *testing.T) {
	p := profileOf(1000, readOp)
	p.CatchUp, p.Connections, p.Timeout = 1.2, 8, 30*time.Second
	got := untilTheEnd.run(t, p).got
	if len(got) != 5000 {
		t.Fatalf("%d samples, want 5000", len(got))
	}
	waited := 0
	for _, x := range got {
		if x.Latency() > time.Second {
			waited++
		}
		if x.Out != OK || x.Lag() < 0 || x.Lag() > time.Millisecond {
			t.Fatalf("%+v: lag %v, want it answered, and the generator on time", x, x.Lag())
		}
	}
	if waited < 3000 {
		t.Errorf("%d waited for more than 1 s, want those of 3 s of hanging at least", waited)
	}
}

// A request in line takes a few words, so more of them may wait than goroutines; who comes when it is full is turned away.
func TestLineIsBoundedToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(1, 1.2, func(_, _ time.Time) uint64 { return 1 })
		defer g.close()
		w := newLine(g)
		for n := range uint64(queueLimit + 1) { // one has the place
			if err := w.join(n, time.Now(), false); err != nil {
				t.Fatalf("request %d: %v", n, err)
			}
		}
		if err := w.join(queueLimit+1, time.Now(), false); !errors.Is(err, errLineFull) {
			t.Errorf("behind %d others: %v", queueLimit, err)
		}
		if got, ok := w.next(); !ok || got.n != 0 {
			t.Errorf("%+v, %v may be sent, want the first", got, ok)
		}
	})
}
