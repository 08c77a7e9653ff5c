package activity

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// fakeLog takes each op once. Of the first so many calls the answer is lost.
type fakeLog struct {
	ops  map[string]int
	lose int
}

func (f *fakeLog) AppendAll(_ context.Context, all []New) ([]string, error) {
	if f.ops == nil {
		f.ops = map[string]int{}
	}
	for _, n := range all {
		f.ops[n.Op]++
	}
	if f.lose > 0 {
		f.lose--
		return nil, ErrStore
	}
	return make([]string, len(all)), nil
}

// What is noted arrives, also when the store is away for a while and when the node stops.
func TestRecorder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &fakeLog{lose: 3}
		r := NewRecorder(log)
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			r.Run(ctx)
			close(done)
		}()
		for i := range 200 {
			r.Note(7, "like", fmt.Sprint(i))
		}
		time.Sleep(time.Second)
		if len(log.ops) != 200 || r.written.Load() != 200 {
			t.Errorf("%d entries arrived, %d count as written; want 200", len(log.ops), r.written.Load())
		}
		for range 100 {
			r.Note(7, "post", "1")
		}
		stop()
		<-done
		if len(log.ops) != 300 || r.dropped.Load() != 0 {
			t.Errorf("%d entries after the stop, %d dropped; want 300, 0", len(log.ops), r.dropped.Load())
		}
	})
}

// A store that stays away costs entries, never a request's time.
func TestRecorderDropsWhatItCannotHold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := NewRecorder(&fakeLog{lose: 1 << 30})
		for range waiting + 10 {
			r.Note(7, "like", "1")
		}
		if got := r.dropped.Load(); got != 10 {
			t.Errorf("%d dropped, want 10", got)
		}
		ctx, stop := context.WithCancel(t.Context())
		stop()
		began := time.Now()
		r.Run(ctx)
		if took := time.Since(began); took > 2*flushLimit {
			t.Errorf("the stop took %s", took)
		}
	})
}

func TestRegion(t *testing.T) {
	for name, ok := range map[string]bool{"a": true, "eu1": true, "": false, "a.b": false, "A": false, "a-b": false} {
		if err := Region(name); (err == nil) != ok {
			t.Errorf("region %q: %v", name, err)
		}
	}
}
