package state

import (
	"context"
	"errors"
	"fmt"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"gauntlet/chaos"
)

// poisonHeader marks the messages of poison; its value is the operation's id.
const poisonHeader = "gauntlet-poison"

// poison publishes messages that no consumer can read to a queue, through the default exchange, persistent and confirmed.
type poison struct {
	id string
	s  chaos.StateChange
}

func (p *poison) apply(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, proveLimit)
	defer cancel()
	var conn *amqp.Connection
	err := patient(ctx, func(ctx context.Context) (err error) {
		conn, err = amqpConnect(ctx, p.s, askerName)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("rabbitmq: %w", err)
	}
	// The library's calls know no context: closing the socket ends them.
	stop := context.AfterFunc(ctx, func() { _ = conn.CloseDeadline(time.Now()) })
	defer func() {
		stop()
		amqpClose(conn)
	}()
	waiting, err := p.publish(ctx, conn)
	if err != nil {
		return "", fmt.Errorf("rabbitmq: %w", errors.Join(err, context.Cause(ctx)))
	}
	return fmt.Sprintf("rabbitmq: %d malformed messages confirmed in queue %s, where %d were waiting", p.s.Count, p.s.Queue, waiting), nil
}

func (p *poison) check(context.Context) error { return nil }
func (p *poison) clear(context.Context) error { return nil }

// publish sends the messages and waits until the server has confirmed them all. It returns how many were in the queue before.
func (p *poison) publish(ctx context.Context, conn *amqp.Connection) (waiting int, err error) {
	ch, err := conn.Channel()
	if err != nil {
		return 0, err
	}
	q, err := ch.QueueDeclarePassive(p.s.Queue, true, false, false, false, nil)
	if err != nil {
		return 0, err
	}
	if err := ch.Confirm(false); err != nil {
		return 0, err
	}
	var sent []*amqp.DeferredConfirmation
	for i := range p.s.Count {
		c, err := ch.PublishWithDeferredConfirmWithContext(ctx, "", p.s.Queue, false, false, p.message(i))
		if err != nil {
			return 0, fmt.Errorf("message %d of %d: %w", i+1, p.s.Count, err)
		}
		sent = append(sent, c)
	}
	for i, c := range sent {
		ok, err := c.WaitContext(ctx)
		if err == nil && !ok {
			err = errors.New("the server did not take it")
		}
		if err != nil {
			return 0, fmt.Errorf("message %d of %d: %w", i+1, p.s.Count, err)
		}
	}
	return q.Messages, nil
}

// malformed are the bodies, in turn: JSON that breaks off, no text at all, nothing, JSON of another shape.
var malformed = [][]byte{[]byte(`{"gauntlet":`), {0xff, 0xfe, 0x00, 0xc0}, {}, []byte(`[null]`)}

func (p *poison) message(i int) amqp.Publishing {
	return amqp.Publishing{
		Headers: amqp.Table{poisonHeader: p.id}, ContentType: "application/json", DeliveryMode: amqp.Persistent,
		MessageId: fmt.Sprintf("%s/%d", p.id, i), Body: malformed[i%len(malformed)],
	}
}
