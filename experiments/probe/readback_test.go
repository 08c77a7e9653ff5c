package probe

import (
	"reflect"
	"sync"
	"testing"
	"time"
)

var ids = [][2]int64{{1, 1}, {2, 1}, {3, 2}, {5, 1}}

func TestReadBack(t *testing.T) {
	db1, db2, w := pair(t)
	db1.ids, db2.ids = ids, ids[:3]
	got := w.ReadBack(t.Context(), time.Now(), 5*time.Second)
	want := []ReadBack{
		{Node: "db1", Role: Primary, Present: [][2]uint64{{1, 3}, {5, 5}}, Duplicated: [][2]uint64{{3, 3}}, CaughtUp: true},
		{Node: "db2", Role: Replica, Present: [][2]uint64{{1, 3}}, Duplicated: [][2]uint64{{3, 3}}, CaughtUp: true},
	}
	for i := range got {
		if got[i].At <= 0 {
			t.Errorf("%s has no time", got[i].Node)
		}
		got[i].At = 0
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// A replica is read only when it shows all that the primary had.
func TestReadBackWaits(t *testing.T) {
	db1, db2, w := pair(t)
	db1.ids = ids
	db2.lsn = 10
	var wg sync.WaitGroup
	wg.Go(func() {
		time.Sleep(700 * ms)
		db2.set(func() { db2.lsn, db2.ids = 1000, ids })
	})
	got := w.ReadBack(t.Context(), time.Now(), 20*time.Second)
	wg.Wait()
	if !got[1].CaughtUp || !reflect.DeepEqual(got[1].Present, got[0].Present) {
		t.Errorf("got %+v", got)
	}
}

func TestReadBackBounds(t *testing.T) {
	db1, db2, w := pair(t)
	db1.ids, db2.ids = ids, ids[:1]
	db2.tli, db2.lsn = 7, 5000 // farther, but on another timeline
	began := time.Now()
	got := w.ReadBack(t.Context(), time.Now(), time.Second)
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("took %v", took)
	}
	if got[1].CaughtUp || got[1].Err != "" || len(got[1].Present) != 1 {
		t.Errorf("a replica that never caught up must be read as it is: %+v", got[1])
	}
	db2.stop()
	if got = w.ReadBack(t.Context(), time.Now(), time.Second); got[1].Err == "" || got[1].Present != nil || got[1].Role != "" || got[1].Node != "db2" {
		t.Errorf("a node that is down is unknown: %+v", got[1])
	}
}

func TestReadBackWithoutOnePrimary(t *testing.T) {
	db1, db2, w := pair(t)
	db1.ids, db2.ids = ids, ids
	db2.set(func() { db2.role = Primary })
	for _, rb := range w.ReadBack(t.Context(), time.Now(), time.Second) {
		if rb.CaughtUp || rb.Role != Primary || len(rb.Present) == 0 {
			t.Errorf("two primaries: %+v", rb)
		}
	}
}
