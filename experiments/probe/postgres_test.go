package probe

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// recorder keeps what a Run emits.
type recorder struct {
	mu      sync.Mutex
	points  []Point
	changes []Change
}

func (r *recorder) sink() Sink {
	return Sink{
		Point:  func(p Point) { r.mu.Lock(); r.points = append(r.points, p); r.mu.Unlock() },
		Change: func(c Change) { r.mu.Lock(); r.changes = append(r.changes, c); r.mu.Unlock() },
	}
}

// await fails the test unless a change to the state comes within 10 s; it forgets the
// target's changes up to that one.
func (r *recorder) await(t *testing.T, what, target, to string) Change {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(5 * ms) {
		r.mu.Lock()
		for i, c := range r.changes {
			if c.What == what && c.Target == target && c.To == to {
				kept := slices.DeleteFunc(r.changes[:i:i], func(c Change) bool { return c.What == what && c.Target == target })
				r.changes = append(kept, r.changes[i+1:]...)
				r.mu.Unlock()
				return c
			}
		}
		r.mu.Unlock()
	}
	t.Fatalf("no change of %s of %s to %q came; seen: %+v", what, target, to, r.changes)
	return Change{}
}

// awaitPoint fails the test unless a point after the offset that is ok comes within 10 s.
func (r *recorder) awaitPoint(t *testing.T, metric, target string, after time.Duration, ok func(Point) bool) Point {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(5 * ms) {
		r.mu.Lock()
		for _, p := range r.points {
			if p.Metric == metric && p.Target == target && p.At > after && ok(p) {
				r.mu.Unlock()
				return p
			}
		}
		r.mu.Unlock()
	}
	t.Fatalf("no such point of %s of %s came; last: %+v", metric, target, r.points[max(0, len(r.points)-8):])
	return Point{}
}

// count is the number of points with and without error after the offset.
func (r *recorder) count(metric, target string, after time.Duration) (good, bad int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, p := range r.points {
		switch {
		case p.Metric != metric || p.Target != target || p.At <= after:
		case p.Err != "":
			bad++
		default:
			good++
		}
	}
	return good, bad
}

// start runs the watch until the test ends.
func start(t *testing.T, w Watch) (*recorder, clock) {
	t.Helper()
	r, c := &recorder{}, clock{time.Now()}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := w.Run(ctx, c.origin, r.sink()); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { cancel(); wg.Wait() })
	return r, c
}

func isGood(p Point) bool { return p.Err == "" }
func isGap(p Point) bool  { return p.Err != "" }
func isOne(p Point) bool  { return p.Err == "" && p.Value == 1 }
func isZero(p Point) bool { return p.Err == "" && p.Value == 0 }

func pair(t *testing.T) (db1, db2 *fakePG, w Watch) {
	db1, db2 = startPG(t, Primary), startPG(t, Replica)
	db1.copyTo, db1.sync = db2, []string{"db2"}
	return db1, db2, Watch{Endpoints: []Endpoint{db1.endpoint("db1"), db2.endpoint("db2")}, Sync: true}
}

func TestRunFailover(t *testing.T) {
	db1, db2, w := pair(t)
	db2.set(func() { db2.lsn = 900 })
	r, c := start(t, w)
	r.await(t, Role, "db1", Primary)
	r.await(t, Role, "db2", Replica)
	if p := r.awaitPoint(t, ReplicationLag, "db2", 0, isGood); p.Value < 0 || p.Value > 5 {
		t.Errorf("lag of a replica in step: %+v", p)
	}
	if p := r.awaitPoint(t, LSNDistance, "db2", 0, isGood); p.Value != 100 {
		t.Errorf("distance %+v, want 100 bytes", p)
	}
	r.awaitPoint(t, Answers, "db1", 0, isOne)

	before := c.now()
	db1.stop()
	stopped := c.now()
	gone := r.await(t, Role, "db1", Unknown)
	if gone.From != Primary || gone.At < before || gone.After > stopped {
		t.Errorf("crash between %v and %v, seen %+v", before, stopped, gone)
	}
	r.awaitPoint(t, Answers, "db1", before, isZero)
	r.awaitPoint(t, LSNDistance, "db2", stopped, isGap)
	if p := r.awaitPoint(t, HeartbeatAge, Cluster, stopped, isGood); p.Value < beatSilence.Seconds() {
		t.Errorf("age of the heartbeat: %+v", p)
	}
	began := c.now()
	db2.set(func() { db2.role = Primary })
	up := r.await(t, Role, "db2", Primary)
	if up.From != Replica || up.At < began || up.After > up.At {
		t.Errorf("promoted after %v, seen %+v", began, up)
	}
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(10 * ms) { // the heartbeat follows the primary
		db2.mu.Lock()
		beat := time.Duration(db2.beat)
		db2.mu.Unlock()
		if beat > began {
			break
		}
		if time.Now().After(end) {
			t.Fatal("no heartbeat was written on the new primary")
		}
	}
}

// A replica that hangs is a gap, not a lag of zero and not a refusal; nobody else is delayed by it.
func TestRunHungReplica(t *testing.T) {
	_, db2, w := pair(t)
	r, c := start(t, w)
	r.awaitPoint(t, ReplicationLag, "db2", 0, isGood)
	db2.set(func() { db2.hang = true; db2.dials = 0 })
	hung := c.now()
	if ch := r.await(t, Role, "db2", Unknown); ch.From != Replica {
		t.Errorf("got %+v", ch)
	}
	r.awaitPoint(t, ReplicationLag, "db2", hung, isGap)
	r.awaitPoint(t, Answers, "db2", hung, isGap)
	r.awaitPoint(t, LSNDistance, "db2", hung, isGap)
	r.awaitPoint(t, Coverage, "role db2", hung, isZero)
	if p := r.awaitPoint(t, Coverage, "role db1", hung+time.Second, isGood); p.Value < 0.5 {
		t.Errorf("the primary's poller was held up: %+v", p)
	}
	db2.set(func() { db2.hang = false })
	back := c.now()
	r.await(t, Role, "db2", Replica)
	r.awaitPoint(t, ReplicationLag, "db2", back, isGood)
	db2.mu.Lock()
	defer db2.mu.Unlock()
	if db2.dials > 10 {
		t.Errorf("the hung node was dialled %d times", db2.dials)
	}
}

// A write that the server stopped waiting for is no heartbeat.
func TestRunUnacknowledged(t *testing.T) {
	db1, _, w := pair(t)
	r, c := start(t, w)
	r.awaitPoint(t, ReplicationLag, "db2", 0, isGood)
	db1.set(func() { db1.warn = true })
	warned := c.now()
	p := r.awaitPoint(t, HeartbeatAge, Cluster, warned, isGood)
	r.awaitPoint(t, HeartbeatAge, Cluster, p.At+time.Second, func(q Point) bool { return q.Value > p.Value })
	if good, _ := r.count(ReplicationLag, "db2", p.At+200*ms); good != 0 {
		t.Errorf("%d points of lag without an acknowledged heartbeat", good)
	}
}

// The row of another run on the same database tells nothing.
func TestRunForeignHeartbeat(t *testing.T) {
	db1, db2, w := pair(t)
	db1.copyTo = nil
	db2.set(func() { db2.beat, db2.at = int64(time.Second), time.Now().Add(-time.Hour) })
	r, _ := start(t, w)
	p := r.awaitPoint(t, ReplicationLag, "db2", 0, isGap)
	if !strings.Contains(p.Err, "another run") {
		t.Errorf("got %+v", p)
	}
	if good, _ := r.count(ReplicationLag, "db2", 0); good != 0 {
		t.Errorf("%d points of lag from another run's row", good)
	}
}

func TestRunBadEndpoint(t *testing.T) {
	err := Watch{Endpoints: []Endpoint{{Name: "q1", Kind: "queue"}, {Name: "db1", Kind: Postgres}, {Name: "etcd1", Kind: Etcd}}}.Run(t.Context(), time.Now(), Sink{})
	if !errors.Is(err, ErrEndpoint) {
		t.Fatalf("got %v, want ErrEndpoint", err)
	}
	for _, want := range []string{"q1", "queue", "db1", "5432", "etcd1", "2379"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in %q", want, err)
		}
	}
}

func TestRolesAndSteady(t *testing.T) {
	db1, db2, w := pair(t)
	roles, err := w.Roles(t.Context())
	if err != nil || len(roles[RolePrimary]) != 1 || roles[RolePrimary][0] != "db1" || roles[RoleSyncStandby][0] != "db2" || roles[RoleReplica][0] != "db2" {
		t.Errorf("got %v, %v", roles, err)
	}
	if err := w.Steady(t.Context()); err != nil {
		t.Errorf("steady: %v", err)
	}
	db2.set(func() { db2.hang = true })
	roles, err = w.Roles(t.Context())
	if err != nil || len(roles[RolePrimary]) != 1 || len(roles[RoleReplica]) != 1 { // the primary streams to it
		t.Errorf("with a hung replica: %v, %v", roles, err)
	}
	if err := w.Steady(t.Context()); !errors.Is(err, ErrNotSteady) || !strings.Contains(err.Error(), "db2") {
		t.Errorf("with a hung replica: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*ms)
	defer cancel()
	if err := w.AwaitSteady(ctx); !errors.Is(err, ErrNotSteady) {
		t.Errorf("got %v", err)
	}
	db1.stop()
	if roles, err := w.Roles(t.Context()); !errors.Is(err, ErrSilent) || len(roles) != 0 {
		t.Errorf("with nobody there: %v, %v", roles, err)
	}
}
