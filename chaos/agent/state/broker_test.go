package state_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
	"github.com/redis/go-redis/v9"

	"gauntlet/chaos"
	"gauntlet/chaos/agent/state/statetest"
)

func TestOnBrokers(t *testing.T) {
	statetest.NeedDocker(t)
	if testing.Short() {
		t.Skip("-short: not tested on real servers: redis, rabbitmq")
	}
	t.Parallel()
	c := statetest.Brokers(t)
	kv := redisOf(t, c.Ports[6379])
	statetest.Eventually(t, patience, "redis", func(ctx context.Context) error { return kv.Ping(ctx).Err() })
	t.Run("flush", func(t *testing.T) { testFlush(t, c.Ports[6379], kv) })
	t.Run("exhaust redis", func(t *testing.T) { testExhaustRedis(t, c.Ports[6379]) })
	statetest.Eventually(t, patience, "rabbitmq", func(context.Context) error {
		conn, err := dialRabbit(c.Ports[5672])
		if err == nil {
			err = conn.Close()
		}
		return err
	})
	t.Run("poison", func(t *testing.T) { testPoison(t, c.Ports[5672]) })
	t.Run("exhaust rabbitmq", func(t *testing.T) { testExhaustRabbit(t, c.Ports[5672]) })
}

func redisOf(t *testing.T, port uint16) *redis.Client {
	c := redis.NewClient(&redis.Options{Addr: fmt.Sprintf("127.0.0.1:%d", port), MaxRetries: -1, PoolSize: 2})
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func dialRabbit(port uint16) (*amqp.Connection, error) {
	return amqp.DialConfig(fmt.Sprintf("amqp://guest:guest@127.0.0.1:%d/", port), amqp.Config{Dial: amqp.DefaultDial(5 * time.Second)})
}

func testFlush(t *testing.T, port uint16, kv *redis.Client) {
	w, op := worker(t), change(chaos.StateChange{Kind: "flush", Server: "redis", Port: port})
	if _, err := w.Apply(t.Context(), "flush/0", op); !errors.Is(err, chaos.ErrWrongState) {
		t.Errorf("flush of nothing: %v, want ErrWrongState", err)
	}
	for i := range 50 {
		if err := kv.Set(t.Context(), fmt.Sprint("key", i), "value", 0).Err(); err != nil {
			t.Fatal(err)
		}
	}
	apply(t, w, "flush/1", op, "FLUSHALL of 50 keys, 0 keys after it")
	if n, err := kv.DBSize(t.Context()).Result(); err != nil || n != 0 {
		t.Errorf("%d keys, %v, want none", n, err)
	}
	clear(t, w, "flush/1", op)
}

func testExhaustRedis(t *testing.T, port uint16) {
	w, op := worker(t), change(chaos.StateChange{Kind: "exhaust", Server: "redis", Port: port})
	apply(t, w, "exhaust/1", op, "connections held, then the server refused", "max number of clients")
	late := redisOf(t, port)
	statetest.Eventually(t, patience, "refusal", func(ctx context.Context) error {
		if late.Ping(ctx).Err() == nil {
			return errors.New("a new connection is taken")
		}
		return nil
	})
	if err := w.Check(t.Context(), "exhaust/1"); err != nil {
		t.Error(err)
	}
	clear(t, w, "exhaust/1", op)
	statetest.Eventually(t, patience, "connection after clear", func(ctx context.Context) error { return late.Ping(ctx).Err() })
}

func testPoison(t *testing.T, port uint16) {
	conn, err := dialRabbit(port)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ch, err := conn.Channel()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ch.QueueDeclare("orders", true, false, false, false, nil); err != nil {
		t.Fatal(err)
	}
	poison := func(queue string) chaos.Op {
		return change(chaos.StateChange{Kind: "poison", Server: "rabbitmq", Port: port, Queue: queue, Count: 6})
	}
	w := worker(t)
	if _, err := w.Apply(t.Context(), "poison/0", poison("nowhere")); err == nil {
		t.Error("a queue that is not there was poisoned")
	}
	apply(t, w, "poison/1", poison("orders"), "6 malformed messages confirmed in queue orders, where 0 were waiting")
	for i := range 6 {
		m, ok, err := ch.Get("orders", true)
		if err != nil || !ok || m.Headers["gauntlet-poison"] != "poison/1" || m.DeliveryMode != amqp.Persistent {
			t.Errorf("message %d: %v, %v, headers %v, mode %d", i, ok, err, m.Headers, m.DeliveryMode)
		}
	}
	clear(t, w, "poison/1", poison("orders"))
}

func testExhaustRabbit(t *testing.T, port uint16) {
	w, op := worker(t), change(chaos.StateChange{Kind: "exhaust", Server: "rabbitmq", Port: port, Count: 4})
	apply(t, w, "exhaust/2", op, "4 connections held, as many as were asked for")
	clear(t, w, "exhaust/2", op)
}
