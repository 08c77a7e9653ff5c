package reshard

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gauntlet/targetapp/shard"

	"github.com/jackc/pgx/v5"
)

const (
	rounds     = 8                      // of copying before the slot is frozen anyhow
	fewRows    = 20                     // that may be left to copy while it is frozen
	freezes    = 5                      // attempts to get all done while it is frozen
	grace      = 2 * time.Second        // until all routers know that a slot has moved; they ask at least once a second
	slotPause  = 100 * time.Millisecond // between slots: the load comes first
	frozenSpan = "2 seconds"
)

// errThawed says that the slot was not done while it was frozen.
var errThawed = errors.New("the slot could not be moved while it was frozen")

// mover moves one slot.
type mover struct {
	*resharder
	shard.Move
	from, to *db
	frozen   time.Duration // how long writes of the slot had to wait
	rows     int
}

// move brings the slot to its new owner and into the map.
func (mv *mover) move(ctx context.Context) error {
	for range rounds {
		n, err := level(ctx, mv.from, mv.to, mv.kept.Map, mv.Slot)
		if err != nil {
			return err
		}
		if n <= fewRows {
			break
		}
	}
	if err := mv.handOver(ctx); err != nil {
		return err
	}
	return mv.take(ctx)
}

// handOver ends with an old owner that has given the slot up for good and a new one that has all of its rows. What begins here is
// ended even if the command is interrupted, within its time.
func (mv *mover) handOver(ctx context.Context) error {
	ctx = context.WithoutCancel(ctx)
	for range freezes {
		began := time.Now()
		mine, err := mv.freeze(ctx)
		if err == nil {
			_, err = level(ctx, mv.from, mv.to, mv.kept.Map, mv.Slot)
		}
		if err == nil {
			err = mv.same(ctx)
		}
		if err != nil {
			return errors.Join(err, mv.thaw(ctx, mine))
		}
		if !mine { // it was given up before: an earlier run ended here
			return nil
		}
		given, err := mv.from.exec(ctx, `delete from owned where slot = $1 and frozen > clock_timestamp()`, mv.Slot)
		if mv.frozen = time.Since(began); err != nil || given == 1 {
			return err
		}
	}
	return fmt.Errorf("slot %d: %w, in %d attempts", mv.Slot, errThawed, freezes)
}

// freeze makes the old owner refuse writes of the slot. When it returns, all that were allowed are there to be read. mine is false if the
// shard does not own the slot any more.
func (mv *mover) freeze(ctx context.Context) (mine bool, err error) {
	n, err := mv.from.exec(ctx, `update owned set frozen = clock_timestamp() + interval '`+frozenSpan+`' where slot = $1`, mv.Slot)
	return n == 1, err
}

// thaw lets writes in again after a failure, sooner than the time would.
func (mv *mover) thaw(ctx context.Context, mine bool) error {
	if !mine {
		return nil
	}
	_, err := mv.from.exec(ctx, `update owned set frozen = null where slot = $1`, mv.Slot)
	return err
}

// same compares all rows of the slot on both sides.
func (mv *mover) same(ctx context.Context) error {
	mv.rows = 0
	for _, t := range tables {
		where := t.where(mv.kept.Map, mv.Slot)
		have, err := mv.from.digests(ctx, t, where)
		if err != nil {
			return err
		}
		got, err := mv.to.digests(ctx, t, where)
		if err != nil {
			return err
		}
		if missing, extra := difference(have, got); len(missing)+len(extra) > 0 {
			return fmt.Errorf("slot %d, table %s: %d rows differ and %d are too many at %s", mv.Slot, t.name, len(missing), len(extra), mv.to.name)
		}
		mv.rows += len(have)
	}
	return nil
}

const takeSQL = `insert into owned (slot, since) values ($1, $2) on conflict (slot) do update set since = excluded.since, frozen = null`

// take lets the shard accept the slot's writes by maps from that version on.
func (d *db) take(ctx context.Context, slot int, version int64) error {
	return d.within(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `select pg_advisory_xact_lock($1, $2)`, slotLock, slot); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, takeSQL, slot, version)
		return err
	})
}

// take makes the new owner accept the slot's writes, and the map send them there.
func (mv *mover) take(ctx context.Context) error {
	ctx = context.WithoutCancel(ctx)
	if err := mv.to.take(ctx, mv.Slot, mv.kept.Version+1); err != nil {
		return err
	}
	at, err := mv.to.position(ctx)
	if err != nil {
		return err
	}
	return mv.change(ctx, mv.kept.With(mv.Slot, mv.To, at))
}

// clean deletes the slot's rows at the old owner, if the new one has each of them.
func (mv *mover) clean(ctx context.Context) error {
	ctx = context.WithoutCancel(ctx)
	for _, t := range tables {
		where := t.where(mv.kept.Map, mv.Slot)
		have, err := mv.from.digests(ctx, t, where)
		if err != nil {
			return err
		}
		got, err := mv.to.digests(ctx, t, where)
		if err != nil {
			return err
		}
		var ids []int64
		for id := range have {
			if _, ok := got[id]; !ok {
				return fmt.Errorf("slot %d, table %s: row %d is on %s, which gave the slot away, and not on %s; nothing was deleted", mv.Slot, t.name, id, mv.from.name, mv.to.name)
			}
			ids = append(ids, id)
		}
		if _, err := mv.from.exec(ctx, fmt.Sprintf(`delete from %s where %s = any($1)`, t.name, t.id), ids); err != nil {
			return err
		}
	}
	return nil
}
