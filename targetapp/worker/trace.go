package worker

import (
	"context"
	"slices"

	"gauntlet/targetapp/broker"
	"gauntlet/targetapp/tracing"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
)

func tracer() trace.Tracer { return otel.Tracer("gauntlet/targetapp/worker") }

// messaging are the attributes of what is done with a message.
func messaging(id string) []attribute.KeyValue {
	return []attribute.KeyValue{
		attribute.String("messaging.system", "rabbitmq"), attribute.String("messaging.destination.name", broker.Work), attribute.String("messaging.message.id", id),
	}
}

// sending are the spans of messages on their way to the broker, by id.
type sending map[string]trace.Span

// begin goes on with the trace of the write that a job is from, and returns where the trace goes on from here.
func (s sending) begin(ctx context.Context, id, parent string) string {
	if parent == "" {
		return ""
	}
	ctx, s[id] = tracing.Follow(ctx, tracer(), parent, "send "+broker.Work, trace.SpanKindProducer, messaging(id)...)
	return tracing.Parent(ctx)
}

// end ends the spans; those of messages that were not confirmed failed.
func (s sending) end(confirmed []string) {
	for id, span := range s {
		var err error
		if !slices.Contains(confirmed, id) {
			err = broker.ErrUnconfirmed
		}
		tracing.End(span, err)
	}
}
