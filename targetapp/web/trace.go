package web

import (
	"context"
	"net/http"
	"time"

	"gauntlet/targetapp/logs"
	"gauntlet/targetapp/tracing"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

func tracer() trace.Tracer { return otel.Tracer("gauntlet/targetapp/web") }

// slow is from when a request is worth a span even if it was not drawn: what users and the load's reports call too slow.
const slow = 500 * time.Millisecond

// follow gives the request its ids, and a span if it is one of a client's (counts): those of health checks would be most. The caller
// calls end with what the answer was.
//
// Note: the library's own handler wraps body and answer once more and describes each request before it is known whether that is
// wanted. That is done here only for the few that are followed.
func (s *Server) follow(r *http.Request, pattern string, counts bool) (*http.Request, func(code int, took time.Duration)) {
	if !counts {
		return r, func(int, time.Duration) {}
	}
	id := requestID(r)
	from := tracing.FromRequest(r)
	ctx, span := tracer().Start(from, pattern, trace.WithSpanKind(trace.SpanKindServer))
	ctx = logs.With(ctx, logs.IDs{Request: id})
	end := func(code int, took time.Duration) {
		if span.IsRecording() {
			finish(span, r, pattern, id, code)
			span.End()
		} else if code >= http.StatusInternalServerError || took > slow {
			s.recordLate(from, span.SpanContext(), r, pattern, id, code, took)
		}
	}
	return r.WithContext(ctx), end
}

// recordLate records the span of a request that was not drawn, alone. In an outage a few a second will do.
func (s *Server) recordLate(from context.Context, dropped trace.SpanContext, r *http.Request, pattern, id string, code int, took time.Duration) {
	now := time.Now()
	if ok, _ := s.late.Pass(now); !ok || !dropped.IsValid() {
		return
	}
	_, span := tracer().Start(tracing.Late(from, dropped), pattern, trace.WithSpanKind(trace.SpanKindServer), trace.WithTimestamp(now.Add(-took)))
	span.SetAttributes(attribute.Bool("app.late", true))
	finish(span, r, pattern, id, code)
	span.End(trace.WithTimestamp(now))
}

// finish describes the request and its answer.
func finish(span trace.Span, r *http.Request, pattern, id string, code int) {
	span.SetAttributes(attribute.String("http.request.method", r.Method), attribute.String("url.path", r.URL.Path), attribute.String("http.route", pattern),
		attribute.Int("http.response.status_code", code), attribute.String("app.request_id", id))
	if op := r.Header.Get("X-Op-Id"); op != "" {
		span.SetAttributes(attribute.String("app.op_id", op))
	}
	if code >= http.StatusInternalServerError {
		span.SetStatus(codes.Error, http.StatusText(code))
	}
}
