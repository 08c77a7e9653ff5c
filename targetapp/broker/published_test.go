package broker

import (
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

func TestMomentOfPublicationTravels(t *testing.T) {
	before := time.Now().Truncate(time.Millisecond)
	p := Message{ID: "7", Attempt: 1}.publishing()
	got := message(amqp.Delivery{Headers: p.Headers}).Published
	if got.Before(before) || got.After(time.Now()) {
		t.Errorf("published at %s, want now", got)
	}
	if got := message(amqp.Delivery{}); !got.Published.IsZero() {
		t.Errorf("without the header: %s, want that it is not told", got.Published)
	}
}
