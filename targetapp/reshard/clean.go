package reshard

import (
	"context"
	"fmt"
	"slices"
	"time"

	"gauntlet/targetapp/shard"
)

// cleanOld deletes what slots left behind that moved that long ago.
func (r *resharder) cleanOld(ctx context.Context, age time.Duration) error {
	for len(r.dirty) > 0 && time.Since(r.dirty[0].moved) >= age {
		mv, err := r.mover(ctx, r.dirty[0].Move)
		if err != nil {
			return err
		}
		if err := mv.clean(ctx); err != nil {
			return err
		}
		r.dirty = r.dirty[1:]
	}
	return nil
}

// sweep waits until all routers know the map and deletes what was left behind: by the slots that moved now, and by those of a call that ended
// early.
func (r *resharder) sweep(ctx context.Context) error {
	if len(r.dirty) > 0 {
		sleep(ctx, grace)
	}
	if err := r.cleanOld(ctx, 0); err != nil {
		return err
	}
	strays, err := r.strays(ctx)
	if err != nil || len(strays) == 0 {
		return err
	}
	sleep(ctx, grace)
	for _, s := range strays {
		mv, err := r.mover(ctx, s)
		if err != nil {
			return err
		}
		if err := mv.clean(ctx); err != nil {
			return err
		}
		fmt.Fprintf(r.out, "slot %d: what an earlier call left at %s is deleted\n", s.Slot, s.From)
	}
	return nil
}

// strays are slots with rows on a shard that does not own them.
func (r *resharder) strays(ctx context.Context) ([]shard.Move, error) {
	var out []shard.Move
	for _, g := range r.groups {
		held, err := r.held(ctx, g.Name)
		if err != nil {
			return nil, err
		}
		for slot := range held {
			if owner := r.kept.Owners[slot]; owner != g.Name {
				out = append(out, shard.Move{Slot: slot, From: g.Name, To: owner})
			}
		}
	}
	slices.SortFunc(out, func(a, b shard.Move) int { return a.Slot - b.Slot })
	return out, nil
}

// held are the rows that a shard has, by slot: for each the table and the id.
func (r *resharder) held(ctx context.Context, name string) (map[int][]row, error) {
	d, err := r.db(ctx, name)
	if err != nil {
		return nil, err
	}
	out := map[int][]row{}
	for _, t := range tables {
		err := d.keys(ctx, t, func(id, key int64) {
			slot := r.kept.Slot(key)
			out[slot] = append(out[slot], row{t.name, id})
		})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}
