package state

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"gauntlet/chaos"
)

// flush empties a Redis: all databases of this node, without a stall (FLUSHALL ASYNC). In a cluster it is this node's share. A
// replica refuses it.
type flush struct{ s chaos.StateChange }

func (f *flush) apply(ctx context.Context) (string, error) {
	c := redisClient(f.s, 1)
	defer c.Close()
	var before int
	err := patient(ctx, func(ctx context.Context) (err error) {
		before, err = redisKeys(ctx, c)
		return err
	})
	if err != nil {
		return "", err
	}
	if before == 0 {
		return "", fmt.Errorf("%w: redis keeps no keys, so that a flush has no effect", chaos.ErrWrongState)
	}
	if err := c.FlushAllAsync(ctx).Err(); err != nil {
		return "", fmt.Errorf("FLUSHALL: %w", err)
	}
	after, err := redisKeys(ctx, c)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("redis: FLUSHALL of %d keys, %d keys after it", before, after), nil
}

func (f *flush) check(context.Context) error { return nil }
func (f *flush) clear(context.Context) error { return nil }

// quiet keeps the library from writing to standard error what it returns as an error too.
var quiet = sync.OnceFunc(func() { redis.SetLogger(silent{}) })

type silent struct{}

func (silent) Printf(context.Context, string, ...any) {}

// redisClient makes a client with the library's helpfulness turned off: no retries, no extra commands on each connection.
func redisClient(s chaos.StateChange, pool int) *redis.Client {
	quiet()
	return redis.NewClient(&redis.Options{
		Addr: address(s), Username: s.User, Password: s.Password, Protocol: 2, DisableIdentity: true,
		MaxRetries: -1, DialerRetries: 1, DialTimeout: askLimit, ReadTimeout: askLimit, WriteTimeout: askLimit, PoolTimeout: askLimit,
		ContextTimeoutEnabled: true, PoolSize: pool, ReadBufferSize: 4 << 10, WriteBufferSize: 1 << 10,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	})
}

// redisKeys counts the keys of all databases.
func redisKeys(ctx context.Context, c *redis.Client) (int, error) {
	text, err := c.Info(ctx, "keyspace").Result()
	if err != nil {
		return 0, fmt.Errorf("redis: %w", err)
	}
	return countKeys(text)
}

// countKeys adds up lines such as "db0:keys=12,expires=0,avg_ttl=0".
func countKeys(info string) (int, error) {
	sum := 0
	for line := range strings.Lines(info) {
		_, rest, ok := strings.Cut(strings.TrimSpace(line), ":keys=")
		if !ok {
			continue
		}
		digits, _, _ := strings.Cut(rest, ",")
		n, err := strconv.Atoi(digits)
		if err != nil {
			return 0, fmt.Errorf("redis: INFO keyspace says %q", line)
		}
		sum += n
	}
	return sum, nil
}
