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
// replay, and from time to time lets it go on to the position that was received s.Delay ago. PostgreSQL 13 or later, a role that may call
// pg_wal_replay_pause (superusers may).
//
// Patroni resumes a paused replay in each of its rounds (from PostgreSQL 14 on). Where it is, or somebody else who does, the process that
// replays is stopped (SIGSTOP) while it rests in the pause, and goes on at each step only, so that a promotion or the server's end
// waits for a step (at most half a second). That needs an agent that sees the target's processes, and one server in the target. Without,
// replay is watched and paused again after a millisecond or a few, in which most or all of the backlog is replayed: the lag then
// comes to one round of Patroni's (loop_wait) or a little more, and is nothing right after it. The proof says which of the two.
//
// Note: recovery_min_apply_delay would need no agent. But Patroni removes it within one round (its check_recovery_conf compares the
// setting, _sanitize_auto_conf deletes it), and where nobody removes it, it stays on disk and is copied to new replicas. A pause
// lives in shared memory: a restart or a promotion ends it.
type slowReplay struct {
	id       string
	s        chaos.StateChange
	replayer replayer

	mu   sync.Mutex // of the next five
	conn *pgx.Conn
	past past
	err  error // of the last step
	held bool  // replay was paused at the last look
	foe  bool  // somebody else resumed replay

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
// thousands of records. The first round changes nothing: it has the server plan all statements, so that nothing delays the second,
// which looks all the time for 20 ms, enough on most machines, and then each millisecond.
const stepSQL = `do $$
declare t timestamptz;
begin
	for round in 1..2 loop
		if round = 2 then perform pg_wal_replay_resume(); end if;
		t := clock_timestamp();
		while pg_last_wal_replay_lsn() < '%s' and clock_timestamp() < t + interval '1500 ms' loop
			if clock_timestamp() > t + interval '20 ms' then perform pg_sleep(0.001); end if;
			exit when round = 1;
		end loop;
		perform pg_wal_replay_pause();
	end loop;
end $$`

// watchSQL looks each millisecond for so many milliseconds whether somebody has resumed replay, and pauses it again.
const watchSQL = `do $$
declare t timestamptz := clock_timestamp();
begin
	while clock_timestamp() < t + interval '%d ms' loop
		if not pg_is_wal_replay_paused() then perform pg_wal_replay_pause(); end if;
		perform pg_sleep(0.001);
	end loop;
end $$`

const (
	steerMin   = 50 * time.Millisecond // between two looks; also a 20th of the delay, because the server logs each pause
	steerMax   = 500 * time.Millisecond
	stepLimit  = 3 * time.Second
	seeLimit   = 1500 * time.Millisecond // to see WAL held back; without writes there is none
	minVersion = 130000
)

// lsn writes a position as the server does.
func lsn(at int64) string { return fmt.Sprintf("%X/%X", uint64(at)>>32, uint32(at)) }

func (r *slowReplay) apply(ctx context.Context) (proof string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var now replay
	if err := patient(ctx, func(ctx context.Context) error { return r.begin(ctx, &now) }); err != nil {
		r.disconnect()
		return "", fmt.Errorf("postgres: %w", err)
	}
	if err := pgExec(ctx, r.conn, askLimit, pauseSQL); err != nil {
		r.disconnect() // a pause that was refused did not begin; one that timed out is undone by the caller's clear
		return "", errors.Join(fmt.Errorf("postgres: pause replay: %w", err), r.resumeAnyway(ctx, err))
	}
	r.past.add(time.Now(), *now.received)
	r.held = true
	words := r.seen(ctx) + r.withstand(ctx)
	steer, stop := context.WithCancel(context.WithoutCancel(ctx))
	r.stop = stop
	r.wg.Go(func() { r.steer(steer) })
	return fmt.Sprintf("postgres: replay paused at %s and kept %s behind what is received%s", lsn(*now.replayed), r.s.Delay, words), nil
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
	if err := r.connect(ctx); err != nil {
		return err
	}
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
	words := "; nothing came in that could be held back yet"
	if err == nil {
		words = fmt.Sprintf("; %d bytes are held back", *now.received-*now.replayed)
	}
	return words
}

// withstand takes care of Patroni, if it is there, and says how.
func (r *slowReplay) withstand(ctx context.Context) string {
	if err := pgRow(ctx, r.conn, patroniSQL, nil, []any{&r.foe}); err != nil || !r.foe {
		return ""
	}
	if err := r.freeze(ctx); err != nil {
		return fmt.Sprintf("; Patroni is there and resumes replay in each of its rounds, so the lag comes to about one round (loop_wait) at most: %v", err)
	}
	return "; Patroni, which resumes replay in each of its rounds, is there: the process that replays is stopped meanwhile"
}

const patroniSQL = `select exists (select from pg_stat_activity where application_name ilike 'patroni%')`

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
	tick := time.NewTicker(r.every())
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

func (r *slowReplay) every() time.Duration { return min(max(r.s.Delay/20, steerMin), steerMax) }

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
	r.foe = r.foe || r.held && !now.paused
	r.held = true
	if err := r.thaw(ctx); err != nil {
		return err
	}
	if err := r.let(ctx, now); err != nil || !r.foe {
		return err
	}
	if err := r.freeze(ctx); !errors.Is(err, errNoReplayer) {
		return err
	}
	return pgExec(ctx, r.conn, stepLimit, fmt.Sprintf(watchSQL, r.every().Milliseconds()))
}

// let lets replay go on if it is too far behind, and leaves it paused.
func (r *slowReplay) let(ctx context.Context, now replay) error {
	at := time.Now()
	r.past.add(at, *now.received)
	if goal, known := r.past.at(at.Add(-r.s.Delay)); known && goal > *now.replayed {
		return pgExec(ctx, r.conn, stepLimit, fmt.Sprintf(stepSQL, lsn(goal)))
	}
	if !now.paused {
		return pgExec(ctx, r.conn, askLimit, pauseSQL)
	}
	return nil
}

// check sees replay paused; it takes a few tries, because it goes on from time to time.
func (r *slowReplay) check(ctx context.Context) error {
	if r.stop == nil {
		return errors.New("postgres: replay is not held back")
	}
	return until(ctx, proveLimit/2, func(ctx context.Context) error {
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
		if !now.paused && !r.replayer.stopped() {
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
	return errors.Join(r.release(), r.resume(ctx))
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
