package cache

import (
	"context"
	"encoding/json"
	"time"

	"gauntlet/targetapp/postgres"
)

// WriteThrough lets each write of a post or register also bring it into the cache, before it is answered. Call it before the first
// request.
//
// What is brought there is read back from the database after the write, as any reader would, so that it is as right as what readers
// bring: had the writer brought what it wrote, of two who write the same register the slower one would leave the older value.
func (s *Store) WriteThrough() { s.through = true }

// mostLSN is the highest position that an entry can show: Lua's numbers are exact up to 2^53. It also stands for "all there will ever be".
const mostLSN = postgres.LSN(1 << 52)

// renew fetches key, which was just written at position seen, and leaves it in the cache; false if that failed. Of a row that is never
// changed, the entry shows all that there will be; of any other no more than a reader's would.
func renew[T any](ctx context.Context, s *Store, key string, fresh time.Duration, seen postgres.LSN, forever bool, load loader[T]) bool {
	if !s.through || seen >= mostLSN {
		return false
	}
	v, at, err := load(ctx, seen)
	if err != nil {
		return false
	}
	data, err := json.Marshal(v)
	if err != nil {
		return false
	}
	e := Entry{Data: data, Shows: max(at.Seen, seen), Fresh: time.Now().Add(jitter(fresh))}
	if forever {
		e.Shows = mostLSN
	}
	return s.call(ctx, func(ctx context.Context) error { return s.nodes.Put(ctx, key, e, fresh+afterFresh) })
}
