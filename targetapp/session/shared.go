package session

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"gauntlet/targetapp/tracing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
)

const (
	storeLimit = 300 * time.Millisecond // one call to the store
	openLimit  = 600 * time.Millisecond // a login, with its repetitions; the load balancer waits for 1 s
	openPause  = 50 * time.Millisecond
	poolSize   = 20
	confirm    = 50 * time.Millisecond // for which a login waits for a replica to have it
	recent     = time.Minute           // for so long a session that was looked up stands in while the store is silent
	maxRecent  = 20_000
)

// Shared keeps the sessions in Redis, whose master the sentinels know. While the store cannot be reached, in a failover, those
// whose session this node looked up within the last minute go on; logins fail. Make one with OpenShared.
type Shared struct {
	client redis.UniversalClient

	mu    sync.Mutex
	known map[string]known // by token

	stood, lonely atomic.Int64
}

// known is a session that the store confirmed.
type known struct {
	user int64
	at   time.Time
}

// OpenShared prepares connections to the master called name, without connecting.
func OpenShared(sentinels []string, name string) *Shared {
	c := redis.NewFailoverClient(&redis.FailoverOptions{
		MasterName: name, SentinelAddrs: sentinels,
		DialTimeout: storeLimit * 2 / 3, ReadTimeout: storeLimit, WriteTimeout: storeLimit, PoolTimeout: storeLimit,
		DialerRetries: 1, MaxRetries: -1, PoolSize: poolSize, ContextTimeoutEnabled: true, Protocol: 2,
	})
	c.AddHook(tracing.Redis{Store: "sessions"})
	return newShared(c)
}

func newShared(c redis.UniversalClient) *Shared { return &Shared{client: c, known: map[string]known{}} }

// Close ends the connections.
func (s *Shared) Close() error { return s.client.Close() }

// Check says whether the store can be reached.
func (s *Shared) Check(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, storeLimit)
	defer cancel()
	if err := s.client.Ping(ctx).Err(); err != nil {
		return fmt.Errorf("%w: %w", ErrStore, err)
	}
	return nil
}

func key(tok string) string { return "session:" + tok }

// Open begins a session of the user and returns its token, or ErrStore.
func (s *Shared) Open(ctx context.Context, user int64) (string, error) {
	tok := rand.Text()
	if err := s.open(ctx, tok, user); err != nil {
		return "", err
	}
	return tok, nil
}

// open puts the session into the store, again for as long as a login may take.
func (s *Shared) open(ctx context.Context, tok string, user int64) error {
	ctx, cancel := context.WithTimeout(ctx, openLimit)
	defer cancel()
	for {
		err := s.put(ctx, tok, user)
		if err == nil {
			s.note(tok, user)
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", ErrStore, err)
		case <-time.After(openPause):
		}
	}
}

// put writes the session and waits a moment for a replica to have it. That none has it is counted, not refused: then the
// failover that loses it has not happened yet, and a login can be repeated.
func (s *Shared) put(ctx context.Context, tok string, user int64) error {
	ctx, cancel := context.WithTimeout(ctx, storeLimit)
	defer cancel()
	var replicas *redis.Cmd
	_, err := s.client.Pipelined(ctx, func(p redis.Pipeliner) error {
		p.Set(ctx, key(tok), user, Life)
		replicas = p.Do(ctx, "wait", 1, confirm.Milliseconds())
		return nil
	})
	if err != nil {
		return err
	}
	if n, err := replicas.Int(); err != nil || n == 0 {
		s.lonely.Add(1)
	}
	return nil
}

// User returns whose session the token is, ErrInvalid, or ErrStore if that cannot be told.
func (s *Shared) User(ctx context.Context, tok string) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, storeLimit)
	defer cancel()
	if tok == "" {
		return 0, fmt.Errorf("%w: no token", ErrInvalid)
	}
	text, err := s.client.Get(ctx, key(tok)).Result()
	switch {
	case errors.Is(err, redis.Nil):
		s.forget(tok)
		return 0, fmt.Errorf("%w: no such session", ErrInvalid)
	case err != nil:
		if user, ok := s.recall(tok); ok {
			s.stood.Add(1)
			return user, nil
		}
		return 0, fmt.Errorf("%w: %w", ErrStore, err)
	}
	user, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	s.note(tok, user)
	return user, nil
}

func (s *Shared) note(tok string, user int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.known) >= maxRecent {
		clear(s.known) // they come back with their next request
	}
	s.known[tok] = known{user, time.Now()}
}

func (s *Shared) forget(tok string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.known, tok)
}

func (s *Shared) recall(tok string) (int64, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, ok := s.known[tok]
	return k.user, ok && time.Since(k.at) <= recent
}

var (
	descStood  = prometheus.NewDesc("app_session_stood_in_total", "Sessions accepted from memory while their store was silent.", nil, nil)
	descLonely = prometheus.NewDesc("app_session_unreplicated_total", "Logins that no replica of the store had confirmed in time.", nil, nil)
)

// Describe implements prometheus.Collector.
func (s *Shared) Describe(ch chan<- *prometheus.Desc) {
	ch <- descStood
	ch <- descLonely
}

// Collect implements prometheus.Collector.
func (s *Shared) Collect(ch chan<- prometheus.Metric) {
	ch <- prometheus.MustNewConstMetric(descStood, prometheus.CounterValue, float64(s.stood.Load()))
	ch <- prometheus.MustNewConstMetric(descLonely, prometheus.CounterValue, float64(s.lonely.Load()))
}
