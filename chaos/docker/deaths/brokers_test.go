package deaths

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
	"github.com/redis/go-redis/v9"
)

// wound is a fault that is over at once and leaves what it did: nobody undoes it, and the server must be well all the same.
type wound struct {
	trial
	topology, on string
	service      string                          // restarted
	mark         func(ctx context.Context) error // makes the next one tell
	answers      func(ctx context.Context) error // it has started, whatever its state; nil: its start is part of what is measured
	well         func(ctx context.Context) error
}

func wounds() []wound {
	return []wound{
		{
			trial: trial{kind: "flush", felt: markIsGone}, topology: "cached", on: "service=cache1", service: "cache1",
			mark: setMark, well: setMark,
		},
		{
			trial:    trial{kind: "poison", args: []string{"--queue", jobs, "--count", "6"}, felt: deadLetters},
			topology: "queued", on: "service=rabbit1", service: "rabbit1", mark: buryTheDead, answers: brokerAnswers, well: queueIsWorkedOff,
		},
	}
}

// TestBrokersAndEveryDeath: whatever dies beside a fault that leaves a wound, the server goes on, and nothing of Gauntlet's is left. The
// target is restarted and not made again: a new one has nothing of what was done to the old one.
func TestBrokersAndEveryDeath(t *testing.T) {
	engine(t)
	if !*long {
		t.Skip("without -long: not tested: that deaths beside a flushed cache and a poisoned queue leave nothing behind")
	}
	for _, w := range wounds() {
		t.Run(w.kind, func(t *testing.T) {
			r := newRung(t, w.topology)
			for _, d := range []death{nobody, gauntlet, hangs, agents, janitor, restart} {
				t.Run(string(d), func(t *testing.T) { r.suffer(t, w, d) })
			}
		})
	}
}

// suffer wounds the server, lets somebody die, and wants it well soon.
func (r rung) suffer(t *testing.T, w wound, d death) {
	await(t, "the server is well", w.well)
	await(t, "it is marked", w.mark)
	r.feels(t, w.trial, false)
	i := r.inject(t, w.trial.on(w.on))
	i.begun(t)
	r.feels(t, w.trial, true)
	switch d {
	case nobody:
		i.interrupt(t)
	case gauntlet:
		_ = i.cmd.Process.Kill()
	case hangs:
		_ = i.cmd.Process.Signal(syscall.SIGSTOP)
	case agents, janitor:
		r.kill(t, string(map[death]string{agents: "agent", janitor: "janitor"}[d]))
		i.interrupt(t)
	case restart:
		r.restart(t, w.service)
		i.interrupt(t)
		if w.answers == nil {
			break
		}
		t.Logf("%s takes %.1f s to start by itself, which is not counted", w.service, await(t, "it has started", w.answers).Seconds())
	}
	took := await(t, "the server is well again", w.well)
	times.add(d, w.kind, took)
	_ = i.cmd.Process.Signal(syscall.SIGCONT)
	i.interrupt(t)
	r.nothingLeft(t)
}

const cachePort, brokerPort = "18051", "18054"

const (
	jobs    = "jobs.work"
	dead    = "jobs.dlq"
	markKey = "gauntlet-deaths-mark"
)

func cache() *redis.Client {
	return redis.NewClient(&redis.Options{Addr: "127.0.0.1:" + cachePort, MaxRetries: -1, DialTimeout: time.Second, ReadTimeout: time.Second})
}

func setMark(ctx context.Context) error {
	c := cache()
	defer c.Close()
	return c.Set(ctx, markKey, "here", 0).Err()
}

// markIsGone: what was in the cache is not.
func markIsGone(ctx context.Context, _ *yard) (bool, error) {
	c := cache()
	defer c.Close()
	err := c.Get(ctx, markKey).Err()
	if errors.Is(err, redis.Nil) {
		return true, nil
	}
	return false, err
}

// broker lets f use a channel.
func broker(f func(*amqp.Channel) error) error {
	conn, err := amqp.DialConfig("amqp://app:app@127.0.0.1:"+brokerPort+"/", amqp.Config{Dial: amqp.DefaultDial(time.Second)})
	if err != nil {
		return err
	}
	defer conn.Close()
	ch, err := conn.Channel()
	if err != nil {
		return err
	}
	return f(ch)
}

func brokerAnswers(context.Context) error {
	return broker(func(ch *amqp.Channel) error {
		_, err := depth(ch, dead)
		return err
	})
}

// depth is how many messages wait in a queue, and how many consumers it has.
func depth(ch *amqp.Channel, queue string) (amqp.Queue, error) {
	return ch.QueueDeclarePassive(queue, true, false, false, false, nil)
}

// deadLetters: the workers have laid aside what they could not read.
func deadLetters(context.Context, *yard) (felt bool, err error) {
	err = broker(func(ch *amqp.Channel) error {
		q, err := depth(ch, dead)
		felt = q.Messages > 0
		return err
	})
	return felt, err
}

func buryTheDead(context.Context) error {
	return broker(func(ch *amqp.Channel) error {
		_, err := ch.QueuePurge(dead, false)
		return err
	})
}

// queueIsWorkedOff: consumers are there, and have nothing left to do.
func queueIsWorkedOff(context.Context) error {
	return broker(func(ch *amqp.Channel) error {
		q, err := depth(ch, jobs)
		if err == nil && (q.Messages > 0 || q.Consumers == 0) {
			err = fmt.Errorf("%d messages wait for %d consumers", q.Messages, q.Consumers)
		}
		return err
	})
}
