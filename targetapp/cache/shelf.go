package cache

import (
	"context"
	"strconv"

	"github.com/redis/go-redis/v9"
)

// keepLua keeps what is new and remembers for a minute what it was, so that a repetition is known when it is in the database already.
const keepLua = `local first = redis.call('GET', KEYS[2])
if first then return first end
redis.call('SET', KEYS[2], ARGV[2], 'PX', '60000')
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
return ARGV[2]`

var keepScript = redis.NewScript(keepLua)

// keptAtOnce is about how many posts are handed over at once.
const keptAtOnce = 200

// shelfKey is the same node for all keys of a bucket: the ring goes by what is in braces.
func shelfKey(bucket int) string { return "back:{b" + strconv.Itoa(bucket) + "}" }

// Keep implements Shelf.
func (r *Ring) Keep(ctx context.Context, bucket int, name string, data []byte) ([]byte, error) {
	key := shelfKey(bucket)
	first, err := keepScript.Run(ctx, r.client, []string{key, key + ":" + name}, name, data).Text()
	return []byte(first), err
}

// Kept implements Shelf.
func (r *Ring) Kept(ctx context.Context, bucket int) (map[string]string, error) {
	pairs, _, err := r.client.HScan(ctx, shelfKey(bucket), 0, "", keptAtOnce).Result()
	out := map[string]string{}
	for i := 0; i+1 < len(pairs); i += 2 {
		out[pairs[i]] = pairs[i+1]
	}
	return out, err
}

// Forget implements Shelf.
func (r *Ring) Forget(ctx context.Context, bucket int, names []string) error {
	return r.client.HDel(ctx, shelfKey(bucket), names...).Err()
}
