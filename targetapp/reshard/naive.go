package reshard

import (
	"context"
	"fmt"

	"gauntlet/targetapp/shard"
)

// naively is how it is often done: copy everything, change the map, delete what was moved. No slot is frozen, no shard refuses anything, and
// nobody looks again, so what is written after a slot was copied is lost. It exists to show that the check of resharding notices.
func (r *resharder) naively(ctx context.Context, moves []shard.Move) error {
	for _, m := range moves {
		mv, err := r.mover(ctx, m)
		if err != nil {
			return err
		}
		if _, err := level(ctx, mv.from, mv.to, r.kept.Map, m.Slot); err != nil {
			return err
		}
		sleep(ctx, slotPause)
	}
	next := r.kept.Map
	for _, m := range moves {
		to := r.dbs[m.To]
		if err := to.take(ctx, m.Slot, r.kept.Version+1); err != nil {
			return err
		}
		at, err := to.position(ctx)
		if err != nil {
			return err
		}
		next = next.With(m.Slot, m.To, at)
	}
	if err := r.change(ctx, next); err != nil {
		return err
	}
	sleep(ctx, grace)
	for _, m := range moves {
		if err := r.forget(ctx, m); err != nil {
			return err
		}
	}
	fmt.Fprintf(r.out, "done, naively: map %d, %d slots moved\n", r.kept.Version, len(moves))
	return nil
}

// forget deletes all that the old owner has of the slot, whatever it is.
func (r *resharder) forget(ctx context.Context, m shard.Move) error {
	from, err := r.db(ctx, m.From)
	if err != nil {
		return err
	}
	for _, t := range tables {
		if _, err := from.exec(ctx, fmt.Sprintf(`delete from %s where %s`, t.name, t.where(r.kept.Map, m.Slot))); err != nil {
			return err
		}
	}
	_, err = from.exec(ctx, `delete from owned where slot = $1`, m.Slot)
	return err
}
