package broker

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

// The settings without which a job could be lost between two queues.
func TestQueuesLoseNothing(t *testing.T) {
	for _, q := range queues(3) {
		if q.args["x-queue-type"] != "quorum" || q.args["x-quorum-initial-group-size"] != 3 {
			t.Errorf("%s is not on a majority of 3 nodes: %v", q.name, q.args)
		}
		if q.name == Dead {
			continue
		}
		if q.args["x-dead-letter-strategy"] != "at-least-once" || q.args["x-overflow"] != "reject-publish" || q.args["x-dead-letter-exchange"] == nil {
			t.Errorf("%s may lose what it passes on: %v", q.name, q.args)
		}
		if err := q.args.Validate(); err != nil {
			t.Errorf("%s: %v", q.name, err)
		}
	}
}

func TestAttemptTravels(t *testing.T) {
	p := Message{ID: "7", Body: []byte("{}"), Attempt: 3}.publishing()
	if got := message(amqp.Delivery{Headers: p.Headers, MessageId: p.MessageId}); got.Attempt != 3 || got.ID != "7" || p.DeliveryMode != amqp.Persistent {
		t.Errorf("got %+v from %+v", got, p)
	}
	p = Message{ID: "8", Attempt: 1, Trace: "00-a-b-01"}.publishing()
	if got := message(amqp.Delivery{Headers: p.Headers}); got.Trace != "00-a-b-01" || p.Headers.Validate() != nil {
		t.Errorf("the trace is %q after its way, want 00-a-b-01", got.Trace)
	}
	if got := message(amqp.Delivery{}); got.Attempt != 1 || got.Trace != "" {
		t.Errorf("without the header: attempt %d, want 1", got.Attempt)
	}
}

// A node that accepts connections and says nothing, as a frozen one does, is left.
func TestSilentNodeIsLeft(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if _, err := Dial(ctx, []string{l.Addr().String(), "127.0.0.1:1"}); err == nil || ctx.Err() != nil {
		t.Errorf("error %v, context %v; want an error before the context ends", err, ctx.Err())
	}
	ended, stop := context.WithCancelCause(t.Context())
	cause := errors.New("enough")
	stop(cause)
	if _, err := Dial(ended, []string{"127.0.0.1:1"}); !errors.Is(err, cause) {
		t.Errorf("error %v, want the cause", err)
	}
}

func TestHosts(t *testing.T) {
	for _, bad := range [][]string{nil, {"a"}, {"a:1", "b"}} {
		if Hosts(bad) == nil {
			t.Errorf("%q passed", bad)
		}
	}
	if err := Hosts([]string{"a:1", "b:2"}); err != nil {
		t.Error(err)
	}
}

// A message that no queue took is confirmed, and yet not kept.
func TestReturnedIsNotConfirmed(t *testing.T) {
	p := &Publisher{returned: make(chan amqp.Return, most)}
	p.returned <- amqp.Return{MessageId: "2"}
	if got := p.withoutReturned([]string{"1", "2", "3"}); len(got) != 2 || got[0] != "1" || got[1] != "3" {
		t.Errorf("confirmed %v, want 1 and 3", got)
	}
	close(p.returned)
	if got := p.withoutReturned([]string{"4"}); len(got) != 1 {
		t.Errorf("after the end: %v, want 4", got)
	}
}
