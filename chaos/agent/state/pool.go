package state

import (
	"bufio"
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/redis/go-redis/v9"

	"gauntlet/chaos"
)

// pgPool opens sessions of PostgreSQL, or of a pooler that speaks its protocol.
type pgPool struct {
	s    chaos.StateChange
	name string
}

func (p *pgPool) open(ctx context.Context) (holding, error) {
	cfg, err := pgConfig(p.s, p.name)
	if err != nil {
		return nil, err
	}
	cfg.Config.DialFunc = dialOnce()
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	conn, err := pgconn.ConnectConfig(ctx, &cfg.Config)
	if pgRefuses(err) {
		var e *pgconn.PgError
		errors.As(err, &e)
		return nil, refused{errors.New(e.Error())}
	}
	if err != nil {
		return nil, err
	}
	return pgHolding{conn}, nil
}

func (p *pgPool) close() {}

func (p *pgPool) release(ctx context.Context) error { return pgEnd(ctx, p.s, p.name) }

type pgHolding struct{ *pgconn.PgConn }

func (h pgHolding) ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	return h.Ping(ctx)
}

func (h pgHolding) close(ctx context.Context) {
	_ = h.Close(ctx)
	<-h.CleanupDone()
}

// redisPool opens connections of one Redis.
type redisPool struct {
	s      chaos.StateChange
	mu     sync.Mutex
	client *redis.Client // that all connections belong to; nil: there are none
}

func (p *redisPool) open(ctx context.Context) (holding, error) {
	conn := p.clientOf().Conn()
	err := conn.Ping(ctx).Err()
	if err == nil {
		return redisHolding{conn}, nil
	}
	_ = conn.Close()
	if text := refusal(ctx, address(p.s)); text != "" {
		return nil, refused{errors.New(text)}
	}
	return nil, err
}

func (p *redisPool) clientOf() *redis.Client {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.client == nil {
		p.client = redisClient(p.s, maxConns)
	}
	return p.client
}

func (p *redisPool) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.client != nil {
		_ = p.client.Close()
		p.client = nil
	}
}

// release can't tell whose the other connections are: it proves that there is room for one more.
func (p *redisPool) release(ctx context.Context) error {
	c := redisClient(p.s, 1)
	defer c.Close()
	err := until(ctx, proveLimit, func(ctx context.Context) error {
		err := c.Ping(ctx).Err()
		if down(err) {
			return final{err}
		}
		return err
	})
	if down(err) {
		return nil
	}
	return err
}

type redisHolding struct{ *redis.Conn }

func (h redisHolding) ping(ctx context.Context) error { return h.Ping(ctx).Err() }
func (h redisHolding) close(context.Context)          { _ = h.Close() } // to its client, which closes the socket

// refusal is what a Redis that is full says to a new connection without being asked, "" if it waits for a question. The
// client library does not pass it on: it goes on to greet the server and reports that the connection has ended.
func refusal(ctx context.Context, addr string) string {
	c, err := (&net.Dialer{Timeout: askLimit}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return ""
	}
	defer c.Close()
	if err := c.SetReadDeadline(time.Now().Add(askLimit / 4)); err != nil {
		return ""
	}
	line, err := bufio.NewReader(c).ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "-") {
		return ""
	}
	return strings.TrimSpace(line[1:])
}
