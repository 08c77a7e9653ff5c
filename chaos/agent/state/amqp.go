package state

import (
	"context"
	"errors"
	"net"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"gauntlet/chaos"
)

// amqpLimit bounds the handshake, which takes the server several steps and processes.
const amqpLimit = 2 * time.Second

// amqpConnect makes one connection under a name that the server shows; ctx bounds it too.
func amqpConnect(ctx context.Context, s chaos.StateChange, name string) (*amqp.Connection, error) {
	dial := func(network, addr string) (net.Conn, error) {
		c, err := (&net.Dialer{Timeout: askLimit}).DialContext(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		if err := c.SetDeadline(time.Now().Add(amqpLimit)); err != nil {
			return nil, errors.Join(err, c.Close())
		}
		return c, nil
	}
	return amqp.DialConfig("amqp://"+address(s)+"/", amqp.Config{
		SASL: []amqp.Authentication{&amqp.PlainAuth{Username: s.User, Password: s.Password}}, Vhost: s.Database,
		Heartbeat: proveLimit, Properties: amqp.Table{"connection_name": name}, Dial: dial,
	})
}

// amqpClose says goodbye, within a second.
func amqpClose(conn *amqp.Connection) { _ = conn.CloseDeadline(time.Now().Add(askLimit)) }

// amqpPool opens connections of a RabbitMQ; the library sends heartbeats on each.
type amqpPool struct {
	s    chaos.StateChange
	name string
}

func (p *amqpPool) open(ctx context.Context) (holding, error) {
	conn, err := amqpConnect(ctx, p.s, p.name)
	var e *amqp.Error
	if errors.As(err, &e) && e.Code == amqp.NotAllowed {
		return nil, refused{err}
	}
	if err != nil {
		return nil, err
	}
	return amqpHolding{conn}, nil
}

func (p *amqpPool) close() {}

// release can't tell whose the other connections are: it proves that there is room for one more.
func (p *amqpPool) release(ctx context.Context) error {
	err := until(ctx, proveLimit, func(ctx context.Context) error {
		conn, err := amqpConnect(ctx, p.s, askerName)
		if err == nil {
			amqpClose(conn)
		}
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

type amqpHolding struct{ *amqp.Connection }

func (h amqpHolding) ping(context.Context) error {
	if h.IsClosed() {
		return amqp.ErrClosed
	}
	return nil
}

func (h amqpHolding) close(context.Context) { amqpClose(h.Connection) }
