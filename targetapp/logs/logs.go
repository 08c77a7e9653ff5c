// Package logs writes structured logs: one JSON object a line with exactly the fields timestamp, service_name, instance_id,
// request_id, user_id, severity, message and trace_id, "" where there is none. What else a line knows is at the end of its
// message, as name=value, so that every line of every role can be read and indexed in the same way.
//
// At 200 requests per second a line per request would be most of a node's work, so the app logs errors and changes of state;
// requests are counted in the metrics.
package logs

import (
	"context"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"gauntlet/targetapp/tracing"
)

// IDs say whose work a line is about. The trace is that of the context's span.
type IDs struct{ Request, User string }

type key struct{}

// With returns a context whose log lines carry the ids.
func With(ctx context.Context, ids IDs) context.Context { return context.WithValue(ctx, key{}, ids) }

// From returns the ids of ctx, empty if it has none.
func From(ctx context.Context) IDs {
	ids, _ := ctx.Value(key{}).(IDs)
	return ids
}

// New returns a logger for one instance (web1) of a service (web).
func New(w io.Writer, service, instance string) *slog.Logger {
	h := slog.NewJSONHandler(w, &slog.HandlerOptions{ReplaceAttr: rename})
	return slog.New(handler{h}).With("service_name", service, "instance_id", instance)
}

// rename gives slog's own fields the names that the log's readers expect.
func rename(groups []string, a slog.Attr) slog.Attr {
	if len(groups) > 0 {
		return a
	}
	switch a.Key {
	case slog.TimeKey:
		return slog.String("timestamp", a.Value.Time().UTC().Format(time.RFC3339Nano))
	case slog.LevelKey:
		a.Key = "severity"
	case slog.MessageKey:
		a.Key = "message"
	}
	return a
}

// handler adds the ids of the context and moves other attributes into the message.
type handler struct{ slog.Handler }

func (h handler) Handle(ctx context.Context, r slog.Record) error {
	var text strings.Builder
	text.WriteString(r.Message)
	r.Attrs(func(a slog.Attr) bool {
		text.WriteString(" " + a.Key + "=" + quoted(a.Value.String()))
		return true
	})
	ids := From(ctx)
	out := slog.NewRecord(r.Time, r.Level, text.String(), r.PC)
	out.AddAttrs(slog.String("request_id", ids.Request), slog.String("user_id", ids.User), slog.String("trace_id", tracing.ID(ctx)))
	return h.Handler.Handle(ctx, out)
}

// quoted is s, in quotes if it could not be told from what follows.
func quoted(s string) string {
	if s == "" || strings.ContainsAny(s, " =\"\n\t") {
		return strconv.Quote(s)
	}
	return s
}

func (h handler) WithAttrs(as []slog.Attr) slog.Handler { return handler{h.Handler.WithAttrs(as)} }

func (h handler) WithGroup(name string) slog.Handler { return handler{h.Handler.WithGroup(name)} }
