// Package broker is the way to the queues of jobs in RabbitMQ: it declares them, publishes with confirms, and delivers until the
// receiver says what became of a job. A node that is dead, frozen or cut off is left for the next.
//
// The work queue and those for repetitions are quorum queues: what was confirmed is on a majority of the nodes. A job that shall be
// tried again waits in a queue of its delay, whose messages go back to the work queue when their time is up. Delivery is at
// least once.
package broker

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"strconv"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"gauntlet/targetapp/jobs"
)

const (
	dialLimit    = time.Second // the connection and its handshake
	heartbeat    = 2 * time.Second
	confirmLimit = 2 * time.Second
	formLimit    = 90 * time.Second // for the nodes to find each other when there is no queue yet
	formEvery    = 500 * time.Millisecond
)

// Names of the queues.
const (
	Work = "jobs.work"
	Dead = "jobs.dlq"
)

const (
	exchange      = "jobs"
	exchangeRetry = "jobs.retry"
	exchangeDead  = "jobs.dlx"
	keyWork       = "work"
	keyDead       = "dead"
)

// ErrUnconfirmed says that the broker did not take over all messages.
var ErrUnconfirmed = errors.New("broker: not confirmed")

// Dial connects to one of the nodes, host:port, in an order drawn anew each time.
func Dial(ctx context.Context, nodes []string) (*amqp.Connection, error) {
	var errs []error
	for _, i := range rand.Perm(len(nodes)) {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		c, err := dial(nodes[i])
		if err == nil {
			return c, nil
		}
		errs = append(errs, fmt.Errorf("broker %s: %w", nodes[i], err))
	}
	return nil, errors.Join(errs...)
}

func dial(node string) (*amqp.Connection, error) {
	return amqp.DialConfig("amqp://app:app@"+node+"/", amqp.Config{Heartbeat: heartbeat, Dial: amqp.DefaultDial(dialLimit)})
}

// Declare makes the exchanges and queues, or finds them. If there are none yet it waits until all nodes serve: a queue that is
// declared earlier would have fewer copies.
func Declare(ctx context.Context, nodes []string) error {
	ctx, cancel := context.WithTimeout(ctx, formLimit)
	defer cancel()
	for {
		err := declare(ctx, nodes)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("declare the queues: %w", err)
		case <-time.After(formEvery):
		}
	}
}

func declare(ctx context.Context, nodes []string) error {
	c, err := Dial(ctx, nodes)
	if err != nil {
		return err
	}
	defer c.Close()
	ch, err := c.Channel()
	if err != nil {
		return err
	}
	if _, err := ch.QueueDeclarePassive(Dead, true, false, false, false, nil); err == nil {
		return nil // the last that is declared is there
	}
	for _, n := range nodes {
		other, err := dial(n)
		if err != nil {
			return fmt.Errorf("not all nodes serve yet: %s: %w", n, err)
		}
		other.Close()
	}
	if ch, err = c.Channel(); err != nil { // the question closed the other
		return err
	}
	return declareAll(ch, len(nodes))
}

// queue is how one queue is declared.
type queue struct {
	name, exchange, key string
	args                amqp.Table
}

// queues are all queues; copies is on how many nodes each is.
func queues(copies int) []queue {
	all := []queue{{Work, exchange, keyWork, amqp.Table{
		"x-delivery-limit": 3, "x-dead-letter-exchange": exchangeDead, "x-dead-letter-routing-key": keyDead, "x-max-length": 100000,
	}}}
	for _, d := range jobs.Delays {
		all = append(all, queue{exchangeRetry + "." + millis(d), exchangeRetry, millis(d), amqp.Table{
			"x-message-ttl": d.Milliseconds(), "x-dead-letter-exchange": exchange, "x-dead-letter-routing-key": keyWork,
		}})
	}
	for _, q := range all { // dead-lettering that loses nothing needs a queue that refuses when it is full
		q.args["x-dead-letter-strategy"], q.args["x-overflow"] = "at-least-once", "reject-publish"
	}
	all = append(all, queue{Dead, exchangeDead, keyDead, amqp.Table{"x-max-length": 10000}})
	for _, q := range all {
		q.args["x-queue-type"], q.args["x-quorum-initial-group-size"] = "quorum", copies
	}
	return all
}

func millis(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

func declareAll(ch *amqp.Channel, copies int) error {
	for _, e := range []string{exchange, exchangeRetry, exchangeDead} {
		if err := ch.ExchangeDeclare(e, amqp.ExchangeDirect, true, false, false, false, nil); err != nil {
			return err
		}
	}
	for _, q := range queues(copies) {
		if _, err := ch.QueueDeclare(q.name, true, false, false, false, q.args); err != nil {
			return err
		}
		if err := ch.QueueBind(q.name, q.key, q.exchange, false, nil); err != nil {
			return err
		}
	}
	return nil
}

// Message is a job on its way. Attempt counts from 1.
type Message struct {
	ID        string
	Body      []byte
	Attempt   int
	Published time.Time // of one that was delivered: when it was handed to the broker, to the millisecond; zero: not told
}

// The protocol's own timestamp counts whole seconds.
const attemptHeader, publishedHeader = "x-attempt", "x-published-ms"

func (m Message) publishing() amqp.Publishing {
	return amqp.Publishing{
		DeliveryMode: amqp.Persistent, ContentType: "application/json", MessageId: m.ID, Body: m.Body, Timestamp: time.Now(),
		Headers: amqp.Table{attemptHeader: int64(m.Attempt), publishedHeader: time.Now().UnixMilli()},
	}
}

// message reads what was delivered; a header that is missing or odd is attempt 1.
func message(d amqp.Delivery) Message {
	n, _ := d.Headers[attemptHeader].(int64)
	m := Message{ID: d.MessageId, Body: d.Body, Attempt: max(1, int(n))}
	if ms, ok := d.Headers[publishedHeader].(int64); ok {
		m.Published = time.UnixMilli(ms)
	}
	return m
}

// Publisher publishes on a channel of its own. Use it from one goroutine.
type Publisher struct {
	ch       *amqp.Channel
	returned chan amqp.Return // messages that no queue took; they are confirmed all the same
}

// most is how many messages may be published at once.
const most = 64

// NewPublisher opens a channel with confirms.
func NewPublisher(c *amqp.Connection) (*Publisher, error) {
	ch, err := c.Channel()
	if err != nil {
		return nil, err
	}
	p := &Publisher{ch, make(chan amqp.Return, most)}
	ch.NotifyReturn(p.returned)
	return p, ch.Confirm(false)
}

// Publish brings messages into the work queue and returns the ids of those that a majority of the nodes has. The error is
// ErrUnconfirmed if some are missing.
func (p *Publisher) Publish(ctx context.Context, all []Message) ([]string, error) {
	return p.publish(ctx, exchange, keyWork, all)
}

// Retry lets a message wait for a delay that is one of jobs.Delays.
func (p *Publisher) Retry(ctx context.Context, m Message, delay time.Duration) error {
	_, err := p.publish(ctx, exchangeRetry, millis(delay), []Message{m})
	return err
}

func (p *Publisher) publish(ctx context.Context, to, key string, all []Message) (confirmed []string, err error) {
	if len(all) > most {
		return nil, fmt.Errorf("broker: %d messages at once, %d at most", len(all), most)
	}
	ctx, cancel := context.WithTimeout(ctx, confirmLimit)
	defer cancel()
	var waits []*amqp.DeferredConfirmation
	for _, m := range all {
		w, e := p.ch.PublishWithDeferredConfirmWithContext(ctx, to, key, true, false, m.publishing())
		if e != nil {
			err = e
			break
		}
		waits = append(waits, w)
	}
	for i, w := range waits {
		if ok, e := w.WaitContext(ctx); ok && e == nil {
			confirmed = append(confirmed, all[i].ID)
		}
	}
	confirmed = p.withoutReturned(confirmed)
	if err == nil && len(confirmed) < len(all) {
		err = fmt.Errorf("%w: %d of %d messages", ErrUnconfirmed, len(all)-len(confirmed), len(all))
	}
	return confirmed, err
}

// withoutReturned takes out what came back because no queue took it. A message comes back before it is confirmed.
func (p *Publisher) withoutReturned(confirmed []string) []string {
	for {
		select {
		case r, ok := <-p.returned:
			if !ok {
				return confirmed // the channel is closed; nothing comes back any more
			}
			confirmed = slices.DeleteFunc(confirmed, func(id string) bool { return id == r.MessageId })
		default:
			return confirmed
		}
	}
}

// Hosts checks the list of nodes, host:port.
func Hosts(nodes []string) error {
	if len(nodes) == 0 {
		return errors.New("there is no broker in the list; give each as host:port, with commas")
	}
	i := slices.IndexFunc(nodes, func(n string) bool { _, _, err := net.SplitHostPort(n); return err != nil })
	if i >= 0 {
		return fmt.Errorf("broker %q is not of the form host:port", nodes[i])
	}
	return nil
}
