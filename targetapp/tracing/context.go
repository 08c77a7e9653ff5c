package tracing

import (
	"context"
	"net/http"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
)

// header is that of W3C Trace Context, whoever carries it.
const header = "traceparent"

var w3c propagation.TraceContext

// ID is the trace id of ctx, also of a request that is not followed; "" if it has none.
func ID(ctx context.Context) string {
	if sc := trace.SpanContextFromContext(ctx); sc.HasTraceID() {
		return sc.TraceID().String()
	}
	return ""
}

// FromRequest returns r's context, in the trace that its sender is in, if any.
func FromRequest(r *http.Request) context.Context {
	return w3c.Extract(r.Context(), propagation.HeaderCarrier(r.Header))
}

// Parent is the traceparent for those who do something for ctx's span later; "" if it is not followed.
func Parent(ctx context.Context) string {
	if !trace.SpanContextFromContext(ctx).IsSampled() {
		return ""
	}
	carrier := propagation.MapCarrier{}
	w3c.Inject(ctx, carrier)
	return carrier[header]
}

// Follow starts a span that goes on where parent was made. With "" nothing is followed.
func Follow(ctx context.Context, t trace.Tracer, parent, name string, kind trace.SpanKind, attrs ...attribute.KeyValue) (context.Context, trace.Span) {
	if parent == "" {
		return ctx, noop.Span{}
	}
	ctx = w3c.Extract(ctx, propagation.MapCarrier{header: parent})
	return t.Start(ctx, name, trace.WithSpanKind(kind), trace.WithAttributes(attrs...))
}

// Followed says whether there is a span in ctx that is written. What asks a database or a cache for nobody in particular, such as a
// check of its health, is not followed.
func Followed(ctx context.Context) bool { return trace.SpanFromContext(ctx).IsRecording() }

// End ends the span, which failed if err is not nil.
func End(s trace.Span, err error) {
	if err != nil {
		s.SetStatus(codes.Error, err.Error())
	}
	s.End()
}
