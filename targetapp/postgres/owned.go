package postgres

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// ErrMoved says that the shard does not own the slot now, or not for a map as old as the caller's; or that the slot is just about to
// move. The statement changed nothing.
var ErrMoved = errors.New("the shard does not own the slot, or the slot is about to move")

// Slot is a part of the keys as the shard map has it. Each shard keeps those that it owns in its table owned, and each write locks its
// slot's row there: so who moves a slot waits for the writes under way, and no write comes after.
type Slot struct {
	ID      int
	Version int64 // of the map by which the caller chose this shard
}

// OwnedSQL makes the table of the slots that a shard owns: since which version of the map; until when writes are refused, because the
// slot is about to move.
const OwnedSQL = `create table if not exists owned (slot int primary key, since bigint not null, frozen timestamptz)`

// $1 is the slot, $2 the caller's version of the map.
const (
	ownsSQL = `select 1 from owned where slot = $1::int and since <= $2::bigint and (frozen is null or frozen < clock_timestamp())`
	withOwn = `with own as (` + ownsSQL + ` for share) `

	// newIDSQL makes an id of milliseconds since 2020, a number of this shard, the shard's own number ($7), and the low 8 bits of the author,
	// so that ids are unique over all shards, tell their bucket, and grow with time: the newest posts of all shards can be merged by id.
	newIDSQL = `((extract(epoch from clock_timestamp()) * 1000)::bigint - 1577836800000) << 22 | (nextval('posts_id_seq') & 1023) << 12 | $7::bigint << 8 | ($3::bigint & 255)`

	ownedPostSQL    = withOwn + `insert into posts (id, user_id, text, op_id, served_by) select ` + newIDSQL + `, $3::bigint, $4, $5::bigint, $6 from own `
	ownedOnceSQL    = ownedPostSQL + `on conflict (op_id) where op_id is not null do nothing returning id`
	ownedPlainSQL   = ownedPostSQL + `returning id`
	ownedRepeatSQL  = withOwn + `update posts set op_id = op_id where op_id = $3 and exists (select from own) returning id`
	ownedSignupSQL  = withOwn + `insert into users (id, name, password_hash) select nextval('users_signup') << 12 | $5::bigint << 8 | $6::bigint, $3, $4 from own returning id`
	ownedSetSQL     = withOwn + `insert into registers (key, value) select $3::bigint, $4::bigint from own on conflict (key) do update set value = excluded.value`
	ownedCurrentSQL = withOwn + `, r as (update registers set value = value where key = $3 and exists (select from own) returning value) select exists (select from own), (select value from r)`
)

// Owned runs the statements of a shard. Reads of one row are the Store's own; a row that is not there may have moved, which Owns tells.
type Owned struct {
	Store
	Origin int // the shard's number, 0 to 15
}

// AddPost writes a post of an author in the slot, as [Store.AddPost]; [ErrMoved] if the shard does not own it.
func (s *Owned) AddPost(ctx context.Context, slot Slot, p NewPost) (int64, Where, error) {
	again := s.Idempotent && p.OpID != nil
	sql := ownedPlainSQL
	if again {
		sql = ownedOnceSQL
	}
	return addRow(ctx, s.Router, again, func(ctx context.Context, c *pgxpool.Conn) (id int64, err error) {
		err = c.QueryRow(ctx, sql, slot.ID, slot.Version, p.UserID, p.Text, p.OpID, s.App, s.Origin).Scan(&id)
		if again && errors.Is(err, pgx.ErrNoRows) {
			err = c.QueryRow(ctx, ownedRepeatSQL, slot.ID, slot.Version, p.OpID).Scan(&id)
		}
		return id, owned(err)
	})
}

// AddUser signs up a user whose id has those low 8 bits; [ErrMoved] if the shard does not own the slot.
func (s *Owned) AddUser(ctx context.Context, slot Slot, low int64, name, hash string) (int64, Where, error) {
	return addRow(ctx, s.Router, false, func(ctx context.Context, c *pgxpool.Conn) (id int64, err error) {
		err = owned(c.QueryRow(ctx, ownedSignupSQL, slot.ID, slot.Version, name, hash, s.Origin, low).Scan(&id))
		return id, err
	})
}

// SetRegister is [Store.SetRegister] for a key in the slot; [ErrMoved] if the shard does not own it.
func (s *Owned) SetRegister(ctx context.Context, slot Slot, key, value int64) (Where, error) {
	seen, at, err := write(ctx, s.Router, false, func(ctx context.Context, c *pgxpool.Conn) (LSN, error) {
		done, err := c.Exec(ctx, ownedSetSQL, slot.ID, slot.Version, key, value)
		if err == nil && done.RowsAffected() == 0 {
			err = ErrMoved
		}
		if err != nil {
			return 0, err
		}
		return position(ctx, c), nil
	})
	at.Seen = seen
	return at, err
}

// CurrentRegister is [Store.CurrentRegister] for a key in the slot; [ErrMoved] if the shard does not own it.
func (s *Owned) CurrentRegister(ctx context.Context, slot Slot, key int64) (int64, Where, error) {
	return write(ctx, s.Router, true, func(ctx context.Context, c *pgxpool.Conn) (int64, error) {
		var mine bool
		var value *int64
		err := c.QueryRow(ctx, ownedCurrentSQL, slot.ID, slot.Version, key).Scan(&mine, &value)
		switch {
		case err != nil:
			return 0, err
		case !mine:
			return 0, ErrMoved
		case value == nil:
			return 0, ErrNotFound
		}
		return *value, nil
	})
}

// Owns returns nil if the shard owns the slot now, else [ErrMoved].
func (s *Owned) Owns(ctx context.Context, slot Slot) error {
	_, _, err := write(ctx, s.Router, true, func(ctx context.Context, c *pgxpool.Conn) (one int, err error) {
		err = owned(c.QueryRow(ctx, ownsSQL, slot.ID, slot.Version).Scan(&one))
		return one, err
	})
	return err
}

// owned: no row means that there was no slot to write in.
func owned(err error) error {
	if errors.Is(err, pgx.ErrNoRows) {
		return ErrMoved
	}
	return err
}
