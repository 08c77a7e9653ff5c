package tracing

import (
	"context"
	"errors"
	"net"
	"strings"

	"github.com/redis/go-redis/v9"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
)

// Redis is a hook for a client of Redis: calls for a request that is followed become spans of it. Store names what the Redis is for,
// such as cache; Addr is the node, "" if the client chooses it itself.
//
// Note: the library's own instrumentation begins a trace for calls that belong to no request, such as heartbeats, ten a second.
type Redis struct{ Store, Addr string }

func (h Redis) start(ctx context.Context, what string) (context.Context, trace.Span) {
	attrs := []attribute.KeyValue{attribute.String("db.system.name", "redis"), attribute.String("db.operation.name", what), attribute.String("app.store", h.Store)}
	if h.Addr != "" {
		attrs = append(attrs, attribute.String("server.address", h.Addr))
	}
	return otel.Tracer("gauntlet/targetapp/redis").Start(ctx, h.Store+" "+what, trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(attrs...))
}

// DialHook implements redis.Hook: connections are nobody's in particular.
func (h Redis) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) { return next(ctx, network, addr) }
}

// ProcessHook implements redis.Hook. That there is no such key is no error.
func (h Redis) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if !Followed(ctx) {
			return next(ctx, cmd)
		}
		ctx, span := h.start(ctx, cmd.FullName())
		err := next(ctx, cmd)
		End(span, failed(err))
		return err
	}
}

// ProcessPipelineHook implements redis.Hook.
func (h Redis) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		if !Followed(ctx) {
			return next(ctx, cmds)
		}
		var names []string
		for _, c := range cmds {
			names = append(names, c.FullName())
		}
		ctx, span := h.start(ctx, strings.Join(names, " "))
		err := next(ctx, cmds)
		End(span, failed(err))
		return err
	}
}

func failed(err error) error {
	if errors.Is(err, redis.Nil) {
		return nil
	}
	return err
}
