// Package logging writes the app's structured log: one JSON object per line with the fields timestamp, service_name,
// instance_id, request_id, user_id, severity, message and trace_id; fields that do not apply are empty strings. It is
// meant for errors and changes of state, not for each request; Limiter keeps a broken second from filling a disk.
package logging

import (
	"io"
	"log/slog"
	"sync"
	"time"
)

// New returns a logger that writes to w as the given service and instance.
func New(w io.Writer, service, instance string) *slog.Logger {
	h := slog.NewJSONHandler(w, &slog.HandlerOptions{ReplaceAttr: rename})
	return slog.New(h).With("service_name", service, "instance_id", instance)
}

func rename(groups []string, a slog.Attr) slog.Attr {
	if len(groups) > 0 {
		return a
	}
	switch a.Key {
	case slog.TimeKey:
		return slog.String("timestamp", a.Value.Time().UTC().Format(time.RFC3339Nano))
	case slog.LevelKey:
		return slog.String("severity", a.Value.String())
	case slog.MessageKey:
		a.Key = "message"
	}
	return a
}

// Request returns the fields that tie a line to one request; "" stands for a field that does not apply.
func Request(requestID, traceID, userID string) slog.Attr {
	return slog.Group("", slog.String("request_id", requestID), slog.String("trace_id", traceID), slog.String("user_id", userID))
}

// None is Request for lines that belong to no request.
func None() slog.Attr { return Request("", "", "") }

// Limiter lets at most Max events pass in each whole Per. The zero value lets none pass.
type Limiter struct {
	Max int
	Per time.Duration

	mu      sync.Mutex
	began   time.Time
	passed  int
	dropped int
}

// Allow says whether an event at now passes, and how many were held back since the last one that passed.
func (l *Limiter) Allow(now time.Time) (held int, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.began.IsZero() || now.Sub(l.began) >= l.Per {
		l.began, l.passed = now, 0
	}
	if l.passed >= l.Max {
		l.dropped++
		return 0, false
	}
	l.passed++
	held, l.dropped = l.dropped, 0
	return held, true
}
