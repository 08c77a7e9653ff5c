package broker

import (
	"context"
	"net"
	"slices"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

// Gauge asks how many messages wait in a queue, on one connection while it lasts. Use it from one goroutine.
type Gauge struct {
	nodes []string
	conn  *amqp.Connection
	ch    *amqp.Channel
}

// NewGauge asks the nodes, host:port, the first that answers. It does not connect yet.
func NewGauge(nodes []string) *Gauge { return &Gauge{nodes: slices.Clone(nodes)} }

// gaugeLimit bounds one question, the connection included.
const gaugeLimit = time.Second

// Depth is the number of messages in the queue that no worker has in hand, by declaring it passively: exact, and cheap for the broker.
func (g *Gauge) Depth(ctx context.Context, queue string) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, gaugeLimit)
	defer cancel()
	if err := g.open(ctx); err != nil {
		return 0, err
	}
	// The library knows no contexts: an end of the connection is what it understands.
	conn := g.conn
	defer context.AfterFunc(ctx, func() { conn.CloseDeadline(time.Now()) })()
	q, err := g.ch.QueueDeclarePassive(queue, true, false, false, false, nil)
	if err != nil {
		g.Close()
		return 0, err
	}
	return q.Messages, nil
}

// open connects if there is no connection, the next time to another node.
func (g *Gauge) open(ctx context.Context) error {
	if g.ch != nil && !g.ch.IsClosed() {
		return nil
	}
	g.Close()
	node := g.nodes[0]
	g.nodes = append(g.nodes[1:], node)
	dial := func(network, addr string) (net.Conn, error) {
		conn, err := (&net.Dialer{}).DialContext(ctx, network, addr)
		if err == nil {
			err = conn.SetDeadline(time.Now().Add(gaugeLimit)) // of the handshake; the library lifts it
		}
		return conn, err
	}
	var err error
	if g.conn, err = amqp.DialConfig("amqp://app:app@"+node+"/", amqp.Config{Heartbeat: heartbeat, Dial: dial}); err != nil {
		g.conn = nil
		return err
	}
	if g.ch, err = g.conn.Channel(); err != nil {
		g.Close()
	}
	return err
}

// Close ends the connection, if there is one.
func (g *Gauge) Close() {
	if g.conn != nil {
		g.conn.CloseDeadline(time.Now().Add(gaugeLimit))
	}
	g.conn, g.ch = nil, nil
}
