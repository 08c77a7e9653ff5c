package feed

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"gauntlet/targetapp/postgres"

	"github.com/redis/go-redis/v9"
)

var (
	// ErrStore is wrapped when the cluster failed or was late.
	ErrStore = errors.New("feed: the cluster cannot be reached")
	// ErrEmpty says that the cluster has nothing of the feed or the leaderboard, or lost it: it must be rebuilt from the database.
	ErrEmpty = errors.New("feed: nothing is there")
)

const (
	nodeLimit   = 200 * time.Millisecond
	reloadEvery = 100 * time.Millisecond
	poolSize    = 10  // per web node and cluster node
	keepPosts   = 100 // of the feed
)

// The keys of the feed share a slot by what is in braces, and so do those of the leaderboard: each is kept, and lost, as one.
const (
	feedIDs   = "{feed}:ids"   // sorted set: post ids by themselves
	feedRows  = "{feed}:rows"  // hash: JSON by post id
	feedShows = "{feed}:shows" // the version that it was last compared with

	boardLikes    = "{board}:likes"    // sorted set: authors by likes
	boardRows     = "{board}:rows"     // hash: JSON by author
	boardVersions = "{board}:versions" // hash: as of which version the author's likes are
	boardShows    = "{board}:shows"
)

// Cluster is the Redis Cluster. Make one with Open.
type Cluster struct {
	client *redis.ClusterClient

	mu       sync.Mutex
	reloaded time.Time
}

// Open prepares connections to the cluster that the nodes, host:port, belong to, without connecting.
func Open(nodes []string) *Cluster {
	return &Cluster{client: redis.NewClusterClient(&redis.ClusterOptions{
		Addrs: nodes, DialTimeout: nodeLimit, ReadTimeout: nodeLimit, WriteTimeout: nodeLimit, PoolTimeout: nodeLimit,
		DialerRetries: 1, PoolSize: poolSize, ContextTimeoutEnabled: true, Protocol: 2,
	})}
}

// Close ends all connections.
func (c *Cluster) Close() error { return c.client.Close() }

// Each script works on one structure. Versions are compared as text: see postgres.Version.
var (
	// feedAdd: ids, rows, shows; how many to keep, then pairs of id and row. A store that was lost takes nothing: it would look whole.
	feedAdd = redis.NewScript(`if redis.call('EXISTS', KEYS[3]) == 0 then return 0 end
` + putPosts + `return 1`)

	// feedBuild: as feedAdd, with the version first.
	feedBuild = redis.NewScript(`local v = table.remove(ARGV, 1)
` + putPosts + raiseShows)

	// feedRead: the newest so many.
	feedRead = redis.NewScript(`local shows = redis.call('GET', KEYS[3])
if not shows then return false end
local out = {shows}
for _, id in ipairs(redis.call('ZREVRANGE', KEYS[1], 0, ARGV[1] - 1)) do out[#out + 1] = redis.call('HGET', KEYS[2], id) end
return out`)

	// boardSet: likes, rows, shows, versions; author, row, likes, version. What is older than what is there changes nothing.
	boardSet = redis.NewScript(`if redis.call('EXISTS', KEYS[3]) == 0 then return 0 end
` + setLikes + `set(ARGV[1], ARGV[2], ARGV[3], ARGV[4])
return 1`)

	// boardBuild: the version first, then triples of author, row and likes. Who is not among them has no likes.
	boardBuild = redis.NewScript(setLikes + `local v, named = ARGV[1], {}
for i = 2, #ARGV, 3 do
	named[ARGV[i]] = true
	set(ARGV[i], ARGV[i + 1], ARGV[i + 2], v)
end
for _, author in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
	if not named[author] then set(author, '', '0', v) end
end
` + raiseShows)

	boardRead = redis.NewScript(`local shows = redis.call('GET', KEYS[3])
if not shows then return false end
local out = {shows}
for _, author in ipairs(redis.call('ZREVRANGE', KEYS[1], 0, ARGV[1] - 1)) do out[#out + 1] = redis.call('HGET', KEYS[2], author) end
return out`)
)

const (
	putPosts = `for i = 2, #ARGV, 2 do
	redis.call('ZADD', KEYS[1], ARGV[i], ARGV[i])
	redis.call('HSET', KEYS[2], ARGV[i], ARGV[i + 1])
end
for _, id in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1 - ARGV[1])) do redis.call('HDEL', KEYS[2], id) end
redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -1 - ARGV[1])
`
	setLikes = `local function set(author, row, likes, version)
	local old = redis.call('HGET', KEYS[4], author)
	if old and old > version then return end
	redis.call('HSET', KEYS[4], author, version)
	if likes == '0' then
		redis.call('ZREM', KEYS[1], author)
		redis.call('HDEL', KEYS[2], author)
	else
		redis.call('ZADD', KEYS[1], likes, author)
		redis.call('HSET', KEYS[2], author, row)
	end
end
`
	raiseShows = `local old = redis.call('GET', KEYS[3])
if not old or old < v then redis.call('SET', KEYS[3], v) end
return 1`
)

var (
	feedKeys  = []string{feedIDs, feedRows, feedShows}
	boardKeys = []string{boardLikes, boardRows, boardShows, boardVersions}
)

// run runs a script and maps errors. After any error the client is told to ask again who is master of what: by itself it does not
// leave a dead one within its callers' deadlines.
func (c *Cluster) run(ctx context.Context, s *redis.Script, keys []string, args ...any) ([]string, error) {
	got, err := s.Run(ctx, c.client, keys, args...).Result()
	switch words, ok := got.([]any); {
	case errors.Is(err, redis.Nil):
		return nil, ErrEmpty
	case err != nil:
		c.reload(ctx)
		return nil, fmt.Errorf("%w: %w", ErrStore, err)
	case ok:
		return texts(words), nil
	}
	if n, ok := got.(int64); !ok || n == 0 {
		return nil, ErrEmpty
	}
	return nil, nil
}

func texts(words []any) []string {
	out := make([]string, 0, len(words))
	for _, w := range words {
		if s, ok := w.(string); ok {
			out = append(out, s)
		}
	}
	return out
}

// reload asks for the cluster's state, at most once in reloadEvery.
func (c *Cluster) reload(ctx context.Context) {
	c.mu.Lock()
	due := time.Since(c.reloaded) >= reloadEvery
	if due {
		c.reloaded = time.Now()
	}
	c.mu.Unlock()
	if due {
		c.client.ReloadState(ctx)
	}
}

// read returns the version that a structure was last compared with, and its rows.
func (c *Cluster) read(ctx context.Context, s *redis.Script, keys []string, n int) (postgres.Version, []string, error) {
	words, err := c.run(ctx, s, keys, n)
	if err != nil {
		return "", nil, err
	}
	if len(words) == 0 {
		return "", nil, ErrEmpty
	}
	return postgres.Version(words[0]), words[1:], nil
}
