package cache

import (
	"context"
	"errors"
	"strconv"
	"time"

	"gauntlet/targetapp/postgres"
)

// registerFresh is how long a cached register is served without a look at the database.
const registerFresh = 5 * time.Second

// RegisterSource is where registers live; postgres.Store is one.
type RegisterSource interface {
	SetRegister(ctx context.Context, key, value int64) (postgres.Where, error)
	Register(ctx context.Context, seen postgres.LSN, key int64) (int64, postgres.Where, error)
	CurrentRegister(ctx context.Context, key int64) (int64, postgres.Where, error)
}

// Registers are numbers behind the cache, as posts are: a session that has written sees its write, others may see an old value for a
// while.
type Registers struct {
	Store  *Store
	Source RegisterSource
}

// SetRegister writes and marks the entry outdated, also if it cannot be known whether the value was written. With WriteThrough the
// entry is renewed instead.
func (r Registers) SetRegister(ctx context.Context, key, value int64) (postgres.Where, error) {
	at, err := r.Source.SetRegister(ctx, key, value)
	if err == nil && renew(ctx, r.Store, registerKey(key), registerFresh, at.Seen, false, r.load(key)) {
		return at, nil
	}
	if !errors.Is(err, postgres.ErrNoEffect) {
		r.Store.outdate(ctx, registerKey(key), at.Seen)
	}
	return at, err
}

// Register reads from the cache if that shows what the session has seen.
func (r Registers) Register(ctx context.Context, seen postgres.LSN, key int64) (int64, postgres.Where, error) {
	return read(ctx, r.Store, registerKey(key), registerFresh, seen, r.load(key))
}

func (r Registers) load(key int64) loader[int64] {
	return func(ctx context.Context, seen postgres.LSN) (int64, postgres.Where, error) {
		return r.Source.Register(ctx, seen, key)
	}
}

// CurrentRegister does not ask the cache.
func (r Registers) CurrentRegister(ctx context.Context, key int64) (int64, postgres.Where, error) {
	return r.Source.CurrentRegister(ctx, key)
}

func registerKey(key int64) string { return "register:" + strconv.FormatInt(key, 10) }
