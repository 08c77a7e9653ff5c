package state

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"gauntlet/chaos"
)

// slowReplay keeps a replica's replay s.Delay behind what it receives: readers see old data, and what is received is safe. It pauses
// replay, and each 50 ms lets it go on to the position that was received s.Delay ago. PostgreSQL 13 or later, a role that may call
// pg_wal_replay_pause (superusers may).
//
// Note: recovery_min_apply_delay would need no agent. But Patroni removes it within one round (its check_recovery_conf compares the
// setting, _sanitize_auto_conf deletes it), and where nobody removes it, it stays on disk and is copied to new replicas. A pause
// lives in shared memory: a restart ends it, Patroni leaves it alone, and a promotion ends it too.
type slowReplay struct {
	id string
	s  chaos.StateChange

	mu    sync.Mutex // of the next three
	conn  *pgx.Conn
	past  past
	err   error // of the last step
	steps int   // how often replay was let go on

	stop context.CancelFunc // nil: nobody steers
	wg   sync.WaitGroup
}

// replay is how far a replica is; positions are bytes of WAL.
type replay struct {
	recovers           bool
	version            int
	received, replayed *int64 // nil: unknown
	paused             bool   // or about to
}

const replaySQL = `select pg_is_in_recovery(), current_setting('server_version_num')::int, pg_wal_lsn_diff(pg_last_wal_receive_lsn(), '0/0')::bigint,
	pg_wal_lsn_diff(pg_last_wal_replay_lsn(), '0/0')::bigint, case when pg_is_in_recovery() then pg_is_wal_replay_paused() else false end`

func (r *replay) ask(ctx context.Context, conn *pgx.Conn) error {
	return pgRow(ctx, conn, replaySQL, nil, []any{&r.recovers, &r.version, &r.received, &r.replayed, &r.paused})
}

const pauseSQL, resumeSQL = "select pg_wal_replay_pause()", "select pg_wal_replay_resume()"

// stepSQL lets replay go on until it has reached a position. It runs in the server, because a question takes longer than
// thousands of records: it looks all the time for 20 ms, which is enough on most machines, and then each millisecond.
const stepSQL = `do $$
declare t timestamptz := clock_timestamp();
begin
	perform pg_wal_replay_resume();
	while pg_last_wal_replay_lsn() < '%s' and clock_timestamp() < t + interval '1500 ms' loop
		if clock_timestamp() > t + interval '20 ms' then perform pg_sleep(0.001); end if;
	end loop;
	perform pg_wal_replay_pause();
end $$`

const (
	steerEvery = 50 * time.Millisecond
	stepLimit  = 3 * time.Second
	seeLimit   = 1500 * time.Millisecond // to see WAL held back; without writes there is none
	minVersion = 130000
)

// lsn writes a position as the server does.
func lsn(at int64) string { return fmt.Sprintf("%X/%X", uint64(at)>>32, uint32(at)) }

func (r *slowReplay) apply(ctx context.Context) (proof string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.connect(ctx); err != nil {
		return "", fmt.Errorf("postgres: %w", err)
	}
	var now replay
	if err := r.begin(ctx, &now); err != nil {
		r.disconnect()
		return "", fmt.Errorf("postgres: %w", err)
	}
	if err := pgExec(ctx, r.conn, askLimit, pauseSQL); err != nil {
		r.disconnect() // a pause that was refused did not begin; one that timed out is undone by the caller's clear
		return "", errors.Join(fmt.Errorf("postgres: pause replay: %w", err), r.resumeAnyway(ctx, err))
	}
	r.past.add(time.Now(), *now.received)
	steer, stop := context.WithCancel(context.WithoutCancel(ctx))
	r.stop = stop
	r.wg.Go(func() { r.steer(steer) })
	return fmt.Sprintf("postgres: replay paused at %s and kept %s behind what is received%s", lsn(*now.replayed), r.s.Delay, r.seen(ctx)), nil
}

// resumeAnyway undoes a pause whose answer was lost.
func (r *slowReplay) resumeAnyway(ctx context.Context, err error) error {
	if pgCode(err) != "" {
		return nil
	}
	return r.resume(context.WithoutCancel(ctx))
}

// begin refuses what can't be slowed down, or was already.
func (r *slowReplay) begin(ctx context.Context, now *replay) error {
	if err := now.ask(ctx, r.conn); err != nil {
		return err
	}
	switch {
	case now.version < minVersion:
		return fmt.Errorf("%w: server version %d is older than 13", chaos.ErrUnsupported, now.version/10000)
	case !now.recovers:
		return fmt.Errorf("%w: it is a primary; only a replica replays", chaos.ErrWrongState)
	case now.received == nil || now.replayed == nil:
		return fmt.Errorf("%w: it does not receive by streaming", chaos.ErrWrongState)
	case now.paused:
		return fmt.Errorf("%w: its replay is paused already, and not by this agent (select pg_wal_replay_resume() ends that)", chaos.ErrWrongState)
	}
	return nil
}

// seen waits a little for WAL that is held back, so that the proof can say so.
func (r *slowReplay) seen(ctx context.Context) string {
	var now replay
	err := until(ctx, seeLimit, func(ctx context.Context) error {
		if err := now.ask(ctx, r.conn); err != nil {
			return err
		}
		if !now.paused || now.received == nil || now.replayed == nil || *now.received <= *now.replayed {
			return errors.New("nothing is held back")
		}
		return nil
	})
	if err != nil {
		return "; nothing came in that could be held back yet"
	}
	return fmt.Sprintf("; %d bytes are held back", *now.received-*now.replayed)
}

// connect makes the connection if there is none.
func (r *slowReplay) connect(ctx context.Context) error {
	if r.conn != nil && !r.conn.IsClosed() {
		return nil
	}
	r.disconnect()
	conn, err := pgConnect(ctx, r.s, holderName(slowReplayKind, r.id))
	r.conn = conn
	return err
}

func (r *slowReplay) disconnect() {
	pgClose(r.conn)
	r.conn = nil
}

// steer keeps replay behind until ctx ends. A server that is away is tried again.
func (r *slowReplay) steer(ctx context.Context) {
	tick := time.NewTicker(steerEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			r.mu.Lock()
			r.err = r.step(ctx)
			r.mu.Unlock()
		}
	}
}

var errPromoted = errors.New("it is no replica any more")

// step lets replay go on to what was received a delay ago.
func (r *slowReplay) step(ctx context.Context) error {
	if err := r.connect(ctx); err != nil {
		return err
	}
	var now replay
	if err := now.ask(ctx, r.conn); err != nil {
		return err
	}
	if !now.recovers {
		return errPromoted
	}
	if now.received == nil || now.replayed == nil {
		return errors.New("it does not receive by streaming")
	}
	at := time.Now()
	r.past.add(at, *now.received)
	goal, known := r.past.at(at.Add(-r.s.Delay))
	switch {
	case known && goal > *now.replayed:
		r.steps++
		return pgExec(ctx, r.conn, stepLimit, fmt.Sprintf(stepSQL, lsn(goal)))
	case !now.paused: // such as after a restart
		return pgExec(ctx, r.conn, askLimit, pauseSQL)
	}
	return nil
}

// check sees replay paused; it takes a few tries, because it goes on from time to time.
func (r *slowReplay) check(ctx context.Context) error {
	if r.stop == nil {
		return errors.New("postgres: replay is not held back")
	}
	return until(ctx, askLimit, func(ctx context.Context) error {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.err != nil {
			return fmt.Errorf("postgres: %w", r.err)
		}
		var now replay
		if err := r.connect(ctx); err != nil {
			return fmt.Errorf("postgres: %w", err)
		}
		if err := now.ask(ctx, r.conn); err != nil {
			return fmt.Errorf("postgres: %w", err)
		}
		if !now.paused {
			return errors.New("postgres: replay is not paused")
		}
		return nil
	})
}

func (r *slowReplay) clear(ctx context.Context) error {
	if r.stop != nil {
		r.stop()
		r.wg.Wait()
		r.stop = nil
	}
	r.disconnect()
	return r.resume(ctx)
}

// resume ends the pause and proves that replay has come as far as was received when it was asked to, or has gone on. A server
// that is down, or promoted, has no pause.
func (r *slowReplay) resume(ctx context.Context) error {
	// A step whose agent died goes on in the server, and would pause replay once more at its end.
	if err := pgEnd(ctx, r.s, holderName(slowReplayKind, r.id)); err != nil {
		return fmt.Errorf("postgres: %w", err)
	}
	var before *replay
	err := until(ctx, proveLimit, func(ctx context.Context) error {
		conn, err := pgConnect(ctx, r.s, askerName)
		if err != nil {
			return err
		}
		defer pgClose(conn)
		var now replay
		if err := now.ask(ctx, conn); err != nil || !now.recovers {
			return err
		}
		if before == nil {
			before = &now
		}
		if now.paused {
			err := pgExec(ctx, conn, askLimit, resumeSQL)
			return errors.Join(errors.New("replay is still paused"), err)
		}
		return before.wentOn(now)
	})
	if down(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("postgres: resume replay: %w", err)
	}
	return nil
}

// wentOn says why a replay that is not paused is not proven to go on.
func (r *replay) wentOn(now replay) error {
	if r.received == nil || r.replayed == nil || now.replayed == nil {
		return nil // it receives nothing
	}
	if *now.replayed >= *r.received || *now.replayed > *r.replayed {
		return nil
	}
	return fmt.Errorf("replay stays at %s, received is %s", lsn(*r.replayed), lsn(*r.received))
}
