package reshard

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"gauntlet/targetapp/shard"

	"github.com/jackc/pgx/v5"
)

// ErrWrong says that rows are not where they belong.
var ErrWrong = errors.New("not every row is on exactly the shard that owns it")

// row is one of a table.
type row struct {
	table string
	id    int64
}

// keys reads all rows' ids, and the columns that decide about their shards.
func (d *db) keys(ctx context.Context, t table, each func(id, key int64)) error {
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	rows, err := d.conn.Query(ctx, fmt.Sprintf(`select %s, %s from %s`, t.id, t.key, t.name))
	if err != nil {
		return d.wrap(err)
	}
	var id, key int64
	_, err = pgx.ForEachRow(rows, []any{&id, &key}, func() error { each(id, key); return nil })
	return d.wrap(err)
}

// finding is what verification found.
type finding struct {
	rows       map[string]int // by shard
	misplaced  int            // on a shard that does not own them
	duplicated int            // on more than one shard
	unowned    []int          // slots that no shard accepts writes for, or another than the map says
}

func (f finding) wrong() bool {
	return f.misplaced+f.duplicated+len(f.unowned) > 0
}

// verify reads all rows of all shards and compares where they are with the map. Rows that come meanwhile do no harm.
func (r *resharder) verify(ctx context.Context) error {
	f := finding{rows: map[string]int{}}
	seen := map[row]bool{}
	slots := map[string][]int{}
	for _, g := range r.groups {
		held, err := r.held(ctx, g.Name)
		if err != nil {
			return err
		}
		f.add(g.Name, held, r.kept.Map, seen)
		if slots[g.Name], err = r.dbs[g.Name].owned(ctx); err != nil {
			return err
		}
	}
	f.unowned = unowned(r.kept.Map, slots)
	for _, g := range r.groups {
		fmt.Fprintf(r.out, "%s: %d slots, %d rows\n", g.Name, len(r.kept.Owned(g.Name)), f.rows[g.Name])
	}
	fmt.Fprintf(r.out, "misplaced %d, duplicated %d, slots without their owner %v\n", f.misplaced, f.duplicated, f.unowned)
	if f.wrong() {
		return ErrWrong
	}
	return nil
}

// add counts a shard's rows.
func (f *finding) add(name string, held map[int][]row, m shard.Map, seen map[row]bool) {
	for slot, rows := range held {
		f.rows[name] += len(rows)
		if m.Owners[slot] != name {
			f.misplaced += len(rows)
		}
		for _, x := range rows {
			if seen[x] {
				f.duplicated++
			}
			seen[x] = true
		}
	}
}

// owned are the slots that the shard itself says are its own.
func (d *db) owned(ctx context.Context) ([]int, error) {
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	rows, err := d.conn.Query(ctx, `select slot from owned order by slot`)
	if err != nil {
		return nil, d.wrap(err)
	}
	slots, err := pgx.CollectRows(rows, pgx.RowTo[int])
	return slots, d.wrap(err)
}

// unowned are slots of which another shard, or none, or more than one say what the map says of one.
func unowned(m shard.Map, slots map[string][]int) []int {
	claims := map[int][]string{}
	for name, own := range slots {
		for _, slot := range own {
			claims[slot] = append(claims[slot], name)
		}
	}
	out := []int{}
	for slot, owner := range m.Owners {
		if !slices.Equal(claims[slot], []string{owner}) {
			out = append(out, slot)
		}
	}
	return out
}
