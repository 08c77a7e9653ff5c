package cache

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"strconv"
	"time"

	"gauntlet/targetapp/postgres"
	"gauntlet/targetapp/tracing"

	"github.com/redis/go-redis/v9"
)

// Ring spreads keys over Redis nodes. Each key has its order of preference among the nodes (rendezvous hashing), so that the
// loss of a node moves only its own keys.
//
// A node is asked every 100 ms, on a connection of its own and then through its pool, and is out after three silences. The
// pool alone would not do: the library counts a pool that is full of hanging dials as a node that is up.
type Ring struct {
	client *redis.Ring
	pulse  *pulse
}

const (
	beatEvery = 100 * time.Millisecond
	nodeLimit = 200 * time.Millisecond
	poolSize  = 20 // per web node and cache node
)

// NewRing connects to the nodes, which are name -> host:port. With modulo set, a key goes to the node of its hash modulo the
// number of nodes that are up, as a naive client would do it: nearly all keys move when one is lost.
func NewRing(nodes map[string]string, modulo bool) *Ring {
	pulse := newPulse()
	opt := &redis.RingOptions{
		Addrs: nodes, HeartbeatFrequency: beatEvery,
		HeartbeatFn: func(ctx context.Context, c *redis.Client) bool { return pulse.beats(ctx, c) },
		DialTimeout: nodeLimit, ReadTimeout: nodeLimit, WriteTimeout: nodeLimit, PoolTimeout: nodeLimit,
		DialerRetries: 1, MaxRetries: -1, PoolSize: poolSize, ContextTimeoutEnabled: true, Protocol: 2,
	}
	if modulo {
		opt.NewConsistentHash = func(up []string) redis.ConsistentHash { return newModulo(up) }
	}
	opt.NewClient = func(node *redis.Options) *redis.Client {
		c := redis.NewClient(node)
		c.AddHook(tracing.Redis{Store: "cache", Addr: node.Addr})
		return c
	}
	return &Ring{redis.NewRing(opt), pulse}
}

// Close ends all connections.
func (r *Ring) Close() error {
	defer r.pulse.close()
	return r.client.Close()
}

// Each entry is a hash: d its data, l the position that it shows, s until when it is fresh (Unix ms), m the newest position
// that a write has outdated it by. Positions stay far below 2^53, to which Lua's numbers are exact.
const (
	fieldData, fieldShows, fieldFresh = "d", "l", "s"

	// putLua keeps what is newer, and keeps an entry outdated that may lack the write that outdated it.
	putLua = `local l, m = tonumber(redis.call('HGET', KEYS[1], 'l') or '-1'), tonumber(redis.call('HGET', KEYS[1], 'm') or '-1')
if l > tonumber(ARGV[2]) then return 0 end
local fresh = ARGV[3]
if m >= tonumber(ARGV[2]) then fresh = '0' end
redis.call('HSET', KEYS[1], 'd', ARGV[1], 'l', ARGV[2], 's', fresh)
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return 1`

	// outdateLua shortens the life of an entry and remembers by what; also of one that is just being fetched.
	outdateLua = `local m, ttl = tonumber(redis.call('HGET', KEYS[1], 'm') or '-1'), redis.call('PTTL', KEYS[1])
if m < tonumber(ARGV[1]) then redis.call('HSET', KEYS[1], 'm', ARGV[1]) end
redis.call('HSET', KEYS[1], 's', '0')
if ttl < 0 or ttl > tonumber(ARGV[2]) then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return 1`
)

var (
	putScript     = redis.NewScript(putLua)
	outdateScript = redis.NewScript(outdateLua)
)

// Get returns the entry of key, or ErrMiss.
func (r *Ring) Get(ctx context.Context, key string) (Entry, error) {
	f, err := r.client.HMGet(ctx, key, fieldData, fieldShows, fieldFresh).Result()
	if err != nil {
		return Entry{}, fmt.Errorf("cache: get %s: %w", key, err)
	}
	data, ok1 := f[0].(string)
	shows, ok2 := f[1].(string)
	fresh, ok3 := f[2].(string)
	if !ok1 || !ok2 || !ok3 {
		return Entry{}, ErrMiss
	}
	lsn, err1 := strconv.ParseUint(shows, 10, 64)
	ms, err2 := strconv.ParseInt(fresh, 10, 64)
	if err := errors.Join(err1, err2); err != nil {
		return Entry{}, fmt.Errorf("cache: entry %s: %w", key, err)
	}
	return Entry{Data: []byte(data), Shows: postgres.LSN(lsn), Fresh: time.UnixMilli(ms)}, nil
}

// Put keeps e for life, unless there is one that shows more.
func (r *Ring) Put(ctx context.Context, key string, e Entry, life time.Duration) error {
	return putScript.Run(ctx, r.client, []string{key}, e.Data, uint64(e.Shows), e.Fresh.UnixMilli(), life.Milliseconds()).Err()
}

// Outdate marks the entry as lacking a write up to the position; 0 for one of which that is not known.
func (r *Ring) Outdate(ctx context.Context, key string, by postgres.LSN) error {
	return outdateScript.Run(ctx, r.client, []string{key}, uint64(by), outdated.Milliseconds()).Err()
}

// Delete forgets the entry.
func (r *Ring) Delete(ctx context.Context, key string) error { return r.client.Del(ctx, key).Err() }

// Claim says whether nobody claimed key within the last life.
func (r *Ring) Claim(ctx context.Context, key string, life time.Duration) (bool, error) {
	return r.client.SetNX(ctx, "claim:"+key, 1, life).Result()
}

// modulo is the naive way to choose a node.
type modulo []string

func newModulo(up []string) modulo {
	m := modulo(slices.Clone(up))
	slices.Sort(m)
	return m
}

// Get names the node of key, "" if none is up.
func (m modulo) Get(key string) string {
	if len(m) == 0 {
		return ""
	}
	h := fnv.New32a()
	h.Write([]byte(key))
	return m[h.Sum32()%uint32(len(m))]
}
