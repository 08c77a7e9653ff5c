package reshard

import (
	"context"
	"fmt"

	"gauntlet/targetapp/shard"

	"github.com/jackc/pgx/v5"
)

// isolate gives a key a slot of its own and moves it onto the shard. The order makes it safe to stop anywhere: first the shard accepts the
// new slot beside the old one, then the map sends writers there, and then it refuses those who have not heard of it.
func (r *resharder) isolate(ctx context.Context, key int64, onto string) error {
	next, slot := r.kept.Isolated(key)
	owner := next.Owners[slot]
	d, err := r.db(ctx, owner)
	if err != nil {
		return err
	}
	if next.Version != r.kept.Version {
		if _, err := d.exec(ctx, `insert into owned (slot, since) values ($1, $2) on conflict (slot) do nothing`, slot, next.Version); err != nil {
			return err
		}
		if err := r.change(ctx, next); err != nil {
			return err
		}
	}
	err = d.within(ctx, func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `update owned set since = greatest(since, $2) where slot = $1`, shard.Bucket(key), r.kept.Version)
		return err
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(r.out, "map %d: key %d has slot %d, on %s\n", r.kept.Version, key, slot, owner)
	if owner == onto {
		return nil
	}
	return r.all(ctx, []shard.Move{{Slot: slot, From: owner, To: onto}})
}
