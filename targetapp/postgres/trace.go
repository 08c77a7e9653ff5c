package postgres

import (
	"context"
	"errors"
	"strings"

	"gauntlet/targetapp/tracing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
)

// tracer makes spans of the statements, and of the waits for a connection, of requests that are followed.
type tracer struct{ node string }

// begun is the key of the span that a tracer began.
type begun struct{}

func (t tracer) start(ctx context.Context, name string, attrs ...attribute.KeyValue) context.Context {
	if !tracing.Followed(ctx) {
		return ctx
	}
	attrs = append(attrs, attribute.String("db.system.name", "postgresql"), attribute.String("server.address", t.node))
	ctx, span := otel.Tracer("gauntlet/targetapp/postgres").Start(ctx, name, trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(attrs...))
	return context.WithValue(ctx, begun{}, span)
}

// end ends the span that start began, not one that is around it.
func (t tracer) end(ctx context.Context, err error) {
	if span, ok := ctx.Value(begun{}).(trace.Span); ok {
		tracing.End(span, err)
	}
}

// TraceQueryStart implements pgx.QueryTracer. The text has placeholders, no values.
func (t tracer) TraceQueryStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	verb, _, _ := strings.Cut(strings.TrimSpace(data.SQL), " ")
	return t.start(ctx, "sql "+verb, attribute.String("db.query.text", data.SQL), attribute.String("db.operation.name", verb))
}

// TraceQueryEnd implements pgx.QueryTracer. That there is no such row is no error.
func (t tracer) TraceQueryEnd(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryEndData) {
	err := data.Err
	if errors.Is(err, pgx.ErrNoRows) {
		err = nil
	}
	t.end(ctx, err)
}

// TraceAcquireStart implements pgxpool.AcquireTracer.
func (t tracer) TraceAcquireStart(ctx context.Context, _ *pgxpool.Pool, _ pgxpool.TraceAcquireStartData) context.Context {
	return t.start(ctx, "sql connection")
}

// TraceAcquireEnd implements pgxpool.AcquireTracer.
func (t tracer) TraceAcquireEnd(ctx context.Context, _ *pgxpool.Pool, data pgxpool.TraceAcquireEndData) {
	t.end(ctx, data.Err)
}
