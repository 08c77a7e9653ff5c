package tracing

import (
	"context"
	"encoding/binary"
	"math/rand/v2"

	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// late is the key of the identity that a span shall have which is recorded after the fact.
type late struct{}

// Late returns a context in which the next span that is started is kept and has the identity of dropped: so a request that was not
// drawn, but turned out to be worth knowing, leaves a span under the trace id that its log lines have. ctx is that from which
// dropped was started.
func Late(ctx context.Context, dropped trace.SpanContext) context.Context {
	return context.WithValue(ctx, late{}, dropped)
}

func wanted(ctx context.Context) (trace.SpanContext, bool) {
	sc, ok := ctx.Value(late{}).(trace.SpanContext)
	return sc, ok && sc.IsValid()
}

// sampler draws as the one inside does, and keeps what is recorded late.
type sampler struct{ sdk.Sampler }

// ShouldSample implements the library's interface.
func (s sampler) ShouldSample(p sdk.SamplingParameters) sdk.SamplingResult {
	if sc, ok := wanted(p.ParentContext); ok {
		return sdk.SamplingResult{Decision: sdk.RecordAndSample, Tracestate: sc.TraceState()}
	}
	return s.Sampler.ShouldSample(p)
}

// ids are drawn at random, but for spans that are recorded late.
type ids struct{}

// NewIDs implements the library's interface.
func (g ids) NewIDs(ctx context.Context) (trace.TraceID, trace.SpanID) {
	if sc, ok := wanted(ctx); ok {
		return sc.TraceID(), sc.SpanID()
	}
	var id trace.TraceID
	binary.BigEndian.PutUint64(id[:8], rand.Uint64())
	binary.BigEndian.PutUint64(id[8:], rand.Uint64()|1) // an id of zeros is none
	return id, g.NewSpanID(ctx, id)
}

// NewSpanID implements the library's interface.
func (ids) NewSpanID(ctx context.Context, _ trace.TraceID) trace.SpanID {
	if sc, ok := wanted(ctx); ok {
		return sc.SpanID()
	}
	var id trace.SpanID
	for !id.IsValid() {
		binary.BigEndian.PutUint64(id[:], rand.Uint64())
	}
	return id
}
