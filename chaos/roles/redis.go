package roles

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

const (
	redisMaster  = "redis-master"
	redisReplica = "redis-replica"
)

// quiet keeps the library from writing to standard error what it returns as an error too.
var quiet = sync.OnceFunc(func() { redis.SetLogger(silent{}) })

type silent struct{}

func (silent) Printf(context.Context, string, ...any) {}

func askRedis(ctx context.Context, n node) ([]string, error) {
	quiet()
	port := n.port("REDIS_PORT_NUMBER", 6379)
	c := redis.NewClient(&redis.Options{
		Addr: net.JoinHostPort(n.host(), fmt.Sprint(port)), Protocol: 2, DisableIdentity: true, MaxRetries: -1, DialerRetries: 1, PoolSize: 1,
		Username: n.setting("user", ""), Password: n.setting("password", "", "REDIS_PASSWORD", "REDIS_MASTER_PASSWORD", "VALKEY_PASSWORD"),
		DialTimeout: askLimit, ReadTimeout: askLimit, WriteTimeout: askLimit, PoolTimeout: askLimit, ContextTimeoutEnabled: true,
		Dialer:                   func(ctx context.Context, _, _ string) (net.Conn, error) { return n.dial(ctx, port) },
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	})
	defer c.Close()
	words, err := c.Do(ctx, "ROLE").Slice()
	if err != nil {
		return nil, err
	}
	if len(words) == 0 {
		return nil, errors.New("ROLE answered nothing")
	}
	switch words[0] {
	case "master":
		return []string{redisMaster}, nil
	case "slave", "replica":
		return []string{redisReplica}, nil
	}
	return nil, nil // a sentinel
}
