package state_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"gauntlet/chaos"
	"gauntlet/chaos/agent/state/statetest"
)

func TestOnPostgres(t *testing.T) {
	image := postgresImage(t)
	t.Parallel()
	c := statetest.PostgresPair(t, image)
	primary, replica := pg{c.Ports[5432]}, pg{c.Ports[5433]}
	statetest.Eventually(t, patience, "primary", func(ctx context.Context) error {
		return primary.exec(ctx, "create schema if not exists shop; create table if not exists shop.\"Orders\" (id int)")
	})
	statetest.Eventually(t, patience, "replica", func(ctx context.Context) error {
		_, err := replica.number(ctx, `select count(*) from shop."Orders"`)
		return err
	})
	t.Run("lock", func(t *testing.T) { testLock(t, primary) })
	t.Run("lock that others hold", func(t *testing.T) { testLockWaits(t, primary) })
	t.Run("lock of what is not there", func(t *testing.T) { testLockRefused(t, primary, replica) })
	t.Run("lock of a killed agent", func(t *testing.T) { testLockKilled(t, primary) })
	t.Run("exhaust", func(t *testing.T) { testExhaust(t, primary) })
	t.Run("exhaust to a count", func(t *testing.T) { testExhaustCount(t, primary) })
	t.Run("exhaust of a killed agent", func(t *testing.T) { testExhaustKilled(t, primary) })
	t.Run("slow replay", func(t *testing.T) { testSlowReplay(t, primary, replica) })
	t.Run("slow replay of a killed agent", func(t *testing.T) { testSlowReplayKilled(t, primary, replica) })
	t.Run("slow replay of a primary", func(t *testing.T) { testSlowReplayRefused(t, primary) })
}

func lockOf(p pg, table string) chaos.Op {
	return change(chaos.StateChange{Kind: "lock", Server: "postgres", Port: p.port, User: "app", Password: "app", Database: "app", Table: table})
}

// insert writes to the locked table; it gives up soon.
func insert(p pg) func(context.Context) error {
	return func(ctx context.Context) error {
		return p.exec(ctx, `set lock_timeout = '200ms'; insert into shop."Orders" values (1)`)
	}
}

func testLock(t *testing.T, p pg) {
	op, w := lockOf(p, `shop."Orders"`), worker(t)
	apply(t, w, "lock/1", op, `shop."Orders"`, "ACCESS EXCLUSIVE")
	if err := insert(p)(t.Context()); err == nil {
		t.Error("the locked table takes a row")
	}
	apply(t, w, "lock/1", op) // replaces itself
	clear(t, w, "lock/1", op)
	statetest.Eventually(t, patience, "write after the lock", insert(p))
	if err := w.Check(t.Context(), "lock/1"); !errors.Is(err, chaos.ErrEndedEarly) {
		t.Errorf("check after clear: %v, want ErrEndedEarly", err)
	}
}

// The lock is taken also if a transaction holds the table for a while; and the loss of the session shows.
func testLockWaits(t *testing.T, p pg) {
	conn, err := p.dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if _, err := conn.Exec(t.Context(), `begin; lock table shop."Orders" in row exclusive mode`); err != nil {
		t.Fatal(err)
	}
	var holder sync.WaitGroup
	holder.Go(func() {
		time.Sleep(700 * time.Millisecond)
		_, _ = conn.Exec(context.Background(), "rollback")
	})
	defer holder.Wait()
	op, w := lockOf(p, `shop."Orders"`), worker(t)
	apply(t, w, "lock/2", op)
	if _, err := p.number(t.Context(), `select count(pg_terminate_backend(pid)) from pg_stat_activity where application_name like 'gauntlet lock%'`); err != nil {
		t.Fatal(err)
	}
	statetest.Eventually(t, patience, "loss of the session", func(ctx context.Context) error {
		if err := w.Check(ctx, "lock/2"); !errors.Is(err, chaos.ErrEndedEarly) {
			return fmt.Errorf("check says %v", err)
		}
		return nil
	})
	clear(t, w, "lock/2", op)
}

func testLockRefused(t *testing.T, primary, replica pg) {
	w := worker(t)
	for _, op := range []chaos.Op{lockOf(primary, "nowhere"), lockOf(replica, `shop."Orders"`)} {
		if _, err := w.Apply(t.Context(), "x", op); err == nil {
			t.Errorf("locked %s on port %d", op.State.Table, op.State.Port)
		} else {
			t.Log(err)
		}
	}
}

func testLockKilled(t *testing.T, p pg) {
	op := lockOf(p, `shop."Orders"`)
	killedAgent(t, "lock/3", op, func() {
		if err := insert(p)(t.Context()); err == nil {
			t.Error("the locked table takes a row")
		}
	})
	statetest.Eventually(t, patience, "write after the agent's death", insert(p))
	clear(t, worker(t), "lock/3", op)
}

func exhaustOf(p pg, count int) chaos.Op {
	return change(chaos.StateChange{Kind: "exhaust", Server: "postgres", Port: p.port, User: "app", Password: "app", Database: "app", Count: count})
}

// connects says whether an app can connect anew.
func connects(p pg) func(context.Context) error {
	return func(ctx context.Context) error { return p.exec(ctx, "select 1") }
}

// refuses waits until nobody can connect: a session that ended just before may free its slot after the last refill.
func refuses(t *testing.T, p pg) {
	t.Helper()
	statetest.Eventually(t, patience, "refusal", func(ctx context.Context) error {
		if connects(p)(ctx) == nil {
			return errors.New("a new connection is taken")
		}
		return nil
	})
}

func testExhaust(t *testing.T, p pg) {
	early, err := p.dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	op, w := exhaustOf(p, 0), worker(t)
	apply(t, w, "exhaust/1", op, "connections held, then the server refused", "53300")
	refuses(t, p)
	// What somebody lets go is taken too.
	early.Close(t.Context())
	if err := w.Check(t.Context(), "exhaust/1"); err != nil {
		t.Error(err)
	}
	refuses(t, p)
	clear(t, w, "exhaust/1", op)
	statetest.Eventually(t, patience, "connection after clear", connects(p))
}

const oursSQL = "select count(*) from pg_stat_activity where application_name like 'gauntlet exhaust%'"

func testExhaustCount(t *testing.T, p pg) {
	op, w := exhaustOf(p, 5), worker(t)
	apply(t, w, "exhaust/2", op, "5 connections held, as many as were asked for")
	five := func(ctx context.Context) error {
		if n, err := p.number(ctx, oursSQL); err != nil || n != 5 {
			return fmt.Errorf("%d connections, %v, want 5", n, err)
		}
		return nil
	}
	statetest.Eventually(t, patience, "5 connections", five)
	if _, err := p.number(t.Context(), "select count(pg_terminate_backend(pid)) from pg_stat_activity where application_name like 'gauntlet exhaust%'"); err != nil {
		t.Fatal(err)
	}
	statetest.Eventually(t, patience, "5 connections after their loss", five)
	if err := w.Check(t.Context(), "exhaust/2"); err != nil {
		t.Error(err)
	}
	clear(t, w, "exhaust/2", op)
	statetest.Eventually(t, patience, "no connections", func(ctx context.Context) error {
		if n, err := p.number(ctx, oursSQL); err != nil || n != 0 {
			return fmt.Errorf("%d connections, %v", n, err)
		}
		return nil
	})
}

func testExhaustKilled(t *testing.T, p pg) {
	op := exhaustOf(p, 0)
	killedAgent(t, "exhaust/3", op, func() { refuses(t, p) })
	statetest.Eventually(t, patience, "connection after the agent's death", connects(p))
	clear(t, worker(t), "exhaust/3", op)
}

func slowOf(p pg, delay time.Duration) chaos.Op {
	return change(chaos.StateChange{Kind: "slow-replay", Server: "postgres", Port: p.port, User: "postgres", Database: "app", Delay: delay})
}

// rows is how many rows of the kind a server shows.
func rows(p pg, id int) func(context.Context) (int64, error) {
	return func(ctx context.Context) (int64, error) {
		return p.number(ctx, fmt.Sprintf(`select count(*) from shop."Orders" where id = %d`, id))
	}
}

func shows(p pg, id int) func(context.Context) error {
	return func(ctx context.Context) error {
		if n, err := rows(p, id)(ctx); err != nil || n == 0 {
			return fmt.Errorf("%d rows, %v", n, err)
		}
		return nil
	}
}

// appearsAfter says how long after its commit a row appeared on the replica.
func appearsAfter(t *testing.T, primary, replica pg, id int) time.Duration {
	t.Helper()
	if err := primary.exec(t.Context(), fmt.Sprintf(`insert into shop."Orders" values (%d)`, id)); err != nil {
		t.Fatal(err)
	}
	written := time.Now()
	statetest.Eventually(t, patience, "row on the replica", shows(replica, id))
	return time.Since(written)
}

// A row appears on the replica no earlier than the delay, and then it does; after clear at once.
func testSlowReplay(t *testing.T, primary, replica pg) {
	const delay = 3 * time.Second
	op, w := slowOf(replica, delay), worker(t)
	apply(t, w, "slow/1", op, "replay paused at", "3s")
	var behind time.Duration
	for try := 0; try < 3 && behind < delay-500*time.Millisecond; try++ { // a step can go too far on a busy machine
		behind = appearsAfter(t, primary, replica, 90+try)
	}
	if behind < delay-500*time.Millisecond {
		t.Errorf("the row came after %s, want about %s", behind, delay)
	}
	if err := w.Check(t.Context(), "slow/1"); err != nil {
		t.Error(err)
	}
	if err := primary.exec(t.Context(), `insert into shop."Orders" values (101)`); err != nil {
		t.Fatal(err)
	}
	clear(t, w, "slow/1", op)
	statetest.Eventually(t, patience, "row after clear", shows(replica, 101))
	for i := range 3 {
		if err := primary.exec(t.Context(), fmt.Sprintf(`insert into shop."Orders" values (%d)`, 102+i)); err != nil {
			t.Fatal(err)
		}
		statetest.Eventually(t, patience, "row after clear", shows(replica, 102+i))
	}
}

// A pause outlives the agent: another process must be able to end it.
func testSlowReplayKilled(t *testing.T, primary, replica pg) {
	op := slowOf(replica, time.Hour)
	killedAgent(t, "slow/2", op, func() {
		if err := primary.exec(t.Context(), `insert into shop."Orders" values (200)`); err != nil {
			t.Fatal(err)
		}
	})
	if n, err := rows(replica, 200)(t.Context()); err != nil || n != 0 {
		t.Errorf("the paused replica shows %d rows, %v", n, err)
	}
	w := worker(t)
	if _, err := w.Apply(t.Context(), "slow/3", op); !errors.Is(err, chaos.ErrWrongState) {
		t.Errorf("a paused replica is paused again: %v, want ErrWrongState", err)
	}
	clear(t, w, "slow/2", op)
	statetest.Eventually(t, patience, "row after clear", shows(replica, 200))
}

func testSlowReplayRefused(t *testing.T, primary pg) {
	if _, err := worker(t).Apply(t.Context(), "slow/4", slowOf(primary, time.Second)); !errors.Is(err, chaos.ErrWrongState) {
		t.Errorf("a primary was slowed down: %v, want ErrWrongState", err)
	}
}
