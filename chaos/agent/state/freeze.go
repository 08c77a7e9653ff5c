package state

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// settleSQL pauses replay and waits until it rests: then the process that replays waits in a loop and holds no lock.
const settleSQL = `do $$
declare t timestamptz := clock_timestamp();
begin
	perform pg_wal_replay_pause();
	while pg_get_wal_replay_pause_state() <> 'paused' and clock_timestamp() < t + interval '500 ms' loop
		perform pg_sleep(0.001);
	end loop;
end $$`

const restsSQL = "select pg_get_wal_replay_pause_state() = 'paused'"

const (
	stopLimit   = 200 * time.Millisecond // for a stopped process to be seen stopped
	breathe     = 10 * time.Millisecond  // that it runs in each step at least, to see that it is to be promoted or to end
	freezeLimit = 3 * time.Second
)

// freeze stops the process that replays while it rests. Whoever resumes replay then (Patroni does, once a round) only changes a
// flag that nobody reads. The pause is looked at again afterwards: it may have been resumed just before.
func (r *slowReplay) freeze(ctx context.Context) error {
	return until(ctx, freezeLimit, func(ctx context.Context) error {
		if err := pgExec(ctx, r.conn, stepLimit, settleSQL); err != nil {
			return final{err}
		}
		if err := r.rests(ctx); err != nil {
			return err
		}
		if err := r.replayer.signal(sigStop); err != nil {
			return final{err}
		}
		err := r.stands(ctx)
		if err == nil {
			err = r.rests(ctx)
		}
		if err != nil {
			return errors.Join(err, r.replayer.signal(sigContinue))
		}
		return nil
	})
}

// rests says why replay does not rest in its pause.
func (r *slowReplay) rests(ctx context.Context) error {
	var rests bool
	if err := pgRow(ctx, r.conn, restsSQL, nil, []any{&rests}); err != nil {
		return err
	}
	if !rests {
		return errors.New("replay does not rest")
	}
	return nil
}

// stands waits until the process has stopped: a signal is only sent when kill returns.
func (r *slowReplay) stands(ctx context.Context) error {
	for deadline := time.Now().Add(stopLimit); !r.replayer.stopped(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) || ctx.Err() != nil {
			return fmt.Errorf("the process that replays did not stop within %s", stopLimit)
		}
	}
	return nil
}

// thaw lets the process go on, into the pause that was asked for before, and gives it time to see what it was told meanwhile.
func (r *slowReplay) thaw(ctx context.Context) error {
	err := pgExec(ctx, r.conn, askLimit, pauseSQL)
	if again := r.release(); again != nil {
		return errors.Join(err, again)
	}
	time.Sleep(breathe)
	return err
}

// release lets a stopped process go on. Where none can be seen, none was stopped.
func (r *slowReplay) release() error {
	if !r.replayer.stopped() {
		return nil
	}
	if err := r.replayer.signal(sigContinue); err != nil && !errors.Is(err, errNoReplayer) {
		return err
	}
	return nil
}
