package reshard

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"gauntlet/targetapp/shard"

	"github.com/jackc/pgx/v5"
)

// table is one that is spread over the shards.
type table struct {
	name string
	id   string // its primary key
	key  string // the column that decides about the shard
}

// tables are in the order in which they are copied: an author before the posts.
var tables = []table{{"users", "id", "id"}, {"posts", "id", "user_id"}, {"registers", "key", "key"}}

// where is the condition for the rows of a slot: those of an isolated key, or those of a bucket without the isolated ones.
func (t table) where(m shard.Map, slot int) string {
	if key, ok := m.KeyOf(slot); ok {
		return fmt.Sprintf("%s = %d", t.key, key)
	}
	cond := fmt.Sprintf("(%s & %d) = %d", t.key, shard.Buckets-1, shard.Low(slot))
	for _, key := range m.HotKeys(slot) {
		cond += fmt.Sprintf(" and %s <> %d", t.key, key)
	}
	return cond
}

// digests are the slot's rows: id and a checksum of all columns.
func (d *db) digests(ctx context.Context, t table, where string) (map[int64]string, error) {
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	rows, err := d.conn.Query(ctx, fmt.Sprintf(`select %s, md5(t::text) from %s t where %s`, t.id, t.name, where))
	if err != nil {
		return nil, d.wrap(err)
	}
	out := map[int64]string{}
	var id int64
	var sum string
	_, err = pgx.ForEachRow(rows, []any{&id, &sum}, func() error { out[id] = sum; return nil })
	return out, d.wrap(err)
}

// difference is what must happen at the target to make it like the source.
func difference(source, target map[int64]string) (missing, extra []int64) {
	for id, sum := range source {
		if target[id] != sum {
			missing = append(missing, id)
		}
	}
	for id := range target {
		if _, ok := source[id]; !ok {
			extra = append(extra, id)
		}
	}
	slices.Sort(missing)
	slices.Sort(extra)
	return missing, extra
}

const (
	batch      = 500                   // rows at a time
	batchPause = 10 * time.Millisecond // between batches: the load comes first
)

// level makes the slot's rows at the target like those at the source, in batches, and says how many had to be changed. A snapshot is not
// needed: what changes meanwhile differs the next time.
func level(ctx context.Context, from, to *db, m shard.Map, slot int) (changed int, err error) {
	for _, t := range tables {
		where := t.where(m, slot)
		have, err := from.digests(ctx, t, where)
		if err != nil {
			return changed, err
		}
		got, err := to.digests(ctx, t, where)
		if err != nil {
			return changed, err
		}
		missing, extra := difference(have, got)
		for ids := range slices.Chunk(missing, batch) {
			if err := carry(ctx, from, to, t, slot, ids); err != nil {
				return changed, err
			}
			if changed += len(ids); len(ids) == batch {
				sleep(ctx, batchPause)
			}
		}
		if len(extra) > 0 {
			if err := to.prepare(ctx, slot, t.drop(extra)); err != nil {
				return changed, err
			}
			changed += len(extra)
		}
	}
	return changed, nil
}

// drop deletes rows.
func (t table) drop(ids []int64) func(context.Context, pgx.Tx) error {
	return func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, fmt.Sprintf(`delete from %s where %s = any($1)`, t.name, t.id), ids)
		return err
	}
}

// errOwned says that the target owns the slot already: what is there may be newer than what the source has.
var errOwned = errors.New("the slot was taken over meanwhile")

// slotLock is the class of the advisory locks by slot; taking a slot over excludes changing its rows from outside.
const slotLock = 7019

// prepare changes rows of a slot that the shard does not own yet.
func (d *db) prepare(ctx context.Context, slot int, f func(context.Context, pgx.Tx) error) error {
	return d.within(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `select pg_advisory_xact_lock_shared($1, $2)`, slotLock, slot); err != nil {
			return err
		}
		var owned bool
		if err := tx.QueryRow(ctx, `select exists (select from owned where slot = $1)`, slot).Scan(&owned); err != nil {
			return err
		}
		if owned {
			return fmt.Errorf("slot %d: %w", slot, errOwned)
		}
		return f(ctx, tx)
	})
}

// carry replaces rows at the target by those of the source. They travel as JSON, so that no column need be known here.
func carry(ctx context.Context, from, to *db, t table, slot int, ids []int64) error {
	var rows string
	ask, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	err := from.conn.QueryRow(ask, fmt.Sprintf(`select coalesce(json_agg(t), '[]')::text from %s t where %s = any($1)`, t.name, t.id), ids).Scan(&rows)
	if err != nil {
		return from.wrap(err)
	}
	return to.prepare(ctx, slot, func(ctx context.Context, tx pgx.Tx) error {
		if err := t.drop(ids)(ctx, tx); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, fmt.Sprintf(`insert into %s select * from json_populate_recordset(null::%s, $1::json)`, t.name, t.name), rows)
		return err
	})
}
