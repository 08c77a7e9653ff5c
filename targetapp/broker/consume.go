package broker

import (
	"context"
	"errors"

	amqp "github.com/rabbitmq/amqp091-go"
)

// Delivery is a job that was delivered. Exactly one of Done and Reject must be called, from any goroutine.
type Delivery struct {
	Message
	raw amqp.Delivery
}

// Done tells the broker to forget the job.
func (d Delivery) Done() error { return d.raw.Ack(false) }

// Reject lays the job aside, into the queue of the dead.
func (d Delivery) Reject() error { return d.raw.Nack(false, false) }

// ErrEnded says that the broker ended the deliveries: the connection is lost, or the queue moved.
var ErrEnded = errors.New("broker: deliveries ended")

// Consume hands what is delivered to f, up to prefetch at a time that are not done, until ctx ends (nil) or the connection is lost
// (ErrEnded). f must not block for long.
func Consume(ctx context.Context, c *amqp.Connection, prefetch int, f func(Delivery)) error {
	ch, err := c.Channel()
	if err != nil {
		return err
	}
	if err := ch.Qos(prefetch, 0, false); err != nil {
		return err
	}
	const tag = "worker"
	in, err := ch.Consume(Work, tag, false, false, false, false, nil)
	if err != nil {
		return err
	}
	for {
		select {
		case <-ctx.Done():
			return ch.Cancel(tag, false)
		case d, ok := <-in:
			if !ok {
				return ErrEnded
			}
			f(Delivery{message(d), d})
		}
	}
}

// Laid returns up to n jobs that were laid aside, and leaves them there unless replay is set: then they are brought into the work
// queue again, as if they were new.
func Laid(ctx context.Context, nodes []string, n int, replay bool) ([]Message, error) {
	c, err := Dial(ctx, nodes)
	if err != nil {
		return nil, err
	}
	defer c.Close() // gives back what was not acknowledged
	ch, err := c.Channel()
	if err != nil {
		return nil, err
	}
	p, err := NewPublisher(c)
	if err != nil {
		return nil, err
	}
	var out []Message
	for len(out) < n {
		d, ok, err := ch.Get(Dead, false)
		if err != nil || !ok {
			return out, err
		}
		m := message(d)
		out = append(out, m)
		if !replay {
			continue
		}
		m.Attempt = 1
		if _, err := p.Publish(ctx, []Message{m}); err != nil {
			return out, err
		}
		if err := d.Ack(false); err != nil {
			return out, err
		}
	}
	return out, nil
}
