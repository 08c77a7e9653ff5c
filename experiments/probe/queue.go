package probe

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

// Outbox is the target of what the database's table outbox holds: jobs that no broker has taken over yet.
const Outbox = "outbox"

// queueNames are the queues of the target app whose messages wait for a worker; those that wait for their time to come are not
// among them.
var queueNames = []string{"jobs.work", "jobs.dlq"}

// queueNode asks one broker node how many messages wait in each queue, by declaring it passively, on a connection of its own.
type queueNode struct {
	*session
	name  string
	addr  string
	raw   net.Conn // nil: none
	conn  *amqp.Connection
	ch    *amqp.Channel
	depth map[string]int
	health
}

// queuePollers ask one broker node.
func (s *session) queuePollers(e Endpoint) ([]poller, error) {
	addr, err := e.addr(5672)
	if err != nil {
		return nil, err
	}
	a := &queueNode{session: s, name: e.Name, addr: addr, health: health{target: e.Name, out: s.out}}
	return []poller{{name: "queue " + e.Name, every: slowEvery, limit: dbLimit, asker: a}}, nil
}

func (a *queueNode) ask(ctx context.Context) error {
	a.depth = map[string]int{}
	if err := a.dial(ctx); err != nil {
		return err
	}
	// The library knows no contexts: a socket that is closed is what it understands.
	raw := a.raw
	defer context.AfterFunc(ctx, func() { raw.Close() })()
	err := a.open()
	for _, q := range queueNames {
		if err != nil {
			break
		}
		var got amqp.Queue
		if got, err = a.ch.QueueDeclarePassive(q, true, false, false, false, nil); err == nil {
			a.depth[q] = got.Messages
		}
	}
	if err != nil {
		a.close()
	}
	if ctx.Err() != nil { // not what the closed socket made of it
		return ctx.Err()
	}
	return err
}

// dial connects, if there is no connection.
func (a *queueNode) dial(ctx context.Context) error {
	if a.raw != nil {
		return nil
	}
	raw, err := (&net.Dialer{}).DialContext(ctx, "tcp", a.addr)
	if err == nil {
		a.raw = raw
	}
	return err
}

// open shakes hands and opens the channel, if there is none.
func (a *queueNode) open() (err error) {
	if a.ch != nil {
		return nil
	}
	cfg := amqp.Config{SASL: []amqp.Authentication{&amqp.PlainAuth{Username: "app", Password: "app"}}, Vhost: "/", Heartbeat: 10 * time.Second, Locale: "en_US"}
	if a.conn, err = amqp.Open(a.raw, cfg); err != nil {
		return err
	}
	a.ch, err = a.conn.Channel()
	return err
}

func (a *queueNode) tell(s span, err error) {
	a.health.saw(err, s)
	a.queues.saw(a.name, a.depth, s, err)
}

// close drops the connection without ceremony: a node that hangs would delay it.
func (a *queueNode) close() {
	if a.raw != nil {
		a.raw.Close()
	}
	if a.conn != nil {
		a.conn.Close()
	}
	a.raw, a.conn, a.ch = nil, nil, nil
}

// queues lets one node speak for all, as each says the same of a queue that all share.
type queues struct {
	mu      sync.Mutex
	out     *emitter
	speaker string
	spoke   time.Duration // when it last answered
}

func (q *queues) saw(node string, depth map[string]int, s span, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	late := s.ended-q.spoke > dbLimit
	if err != nil {
		if late { // nobody answers
			for _, name := range queueNames {
				q.out.point(Point{Metric: QueueDepth, Target: name, At: s.ended, Took: s.took(), Err: err.Error()})
			}
		}
		return
	}
	if q.speaker != node && q.speaker != "" && !late {
		return
	}
	q.speaker, q.spoke = node, s.ended
	for name, n := range depth {
		q.out.point(Point{Metric: QueueDepth, Target: name, At: s.ended, Took: s.took(), Value: float64(n)})
	}
}

// outboxReader counts the jobs in the outbox on its node while that node is primary, and once a second looks for the oldest job that
// is not done.
type outboxReader struct {
	*db
	*session
	node  string
	count int64
	age   float64
	jobs  undone
}

const outboxSQL = `select count(*), greatest(0, coalesce(extract(epoch from clock_timestamp() - min(made)), 0))::float8 from outbox where sent is null`

func (a *outboxReader) ask(ctx context.Context) error {
	if a.board.role(a.node) != Primary {
		a.db.close()
		return errIdle
	}
	if err := a.row(ctx, outboxSQL, nil, []any{&a.count, &a.age}); err != nil {
		return err
	}
	return a.jobs.ask(ctx, a.session.clock.now(), a.row)
}

func (a *outboxReader) tell(s span, err error) {
	if errors.Is(err, errIdle) {
		return
	}
	depth := Point{Metric: QueueDepth, Target: Outbox, At: s.ended, Took: s.took(), Value: float64(a.count)}
	age := Point{Metric: QueueAge, Target: Outbox, At: s.ended, Took: s.took(), Value: a.age}
	if err != nil {
		depth.Value, depth.Err, age.Value, age.Err = 0, err.Error(), 0, err.Error()
	}
	a.out.point(depth)
	a.out.point(age)
	a.jobs.tell(a.out, s, err)
}
