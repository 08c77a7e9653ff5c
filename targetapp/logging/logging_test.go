package logging

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"testing"
	"time"
)

func TestFields(t *testing.T) {
	var b bytes.Buffer
	New(&b, "web", "web1").LogAttrs(t.Context(), slog.LevelError, "broken", Request("r1", "t1", "7"))
	var got map[string]string
	if err := json.Unmarshal(b.Bytes(), &got); err != nil {
		t.Fatalf("%s: %v", b.Bytes(), err)
	}
	if _, err := time.Parse(time.RFC3339Nano, got["timestamp"]); err != nil {
		t.Error(err)
	}
	for k, want := range map[string]string{"service_name": "web", "instance_id": "web1", "request_id": "r1", "user_id": "7",
		"severity": "ERROR", "message": "broken", "trace_id": "t1"} {
		if got[k] != want {
			t.Errorf("%s = %q, want %q", k, got[k], want)
		}
	}
}

func TestLimiter(t *testing.T) {
	l := Limiter{Max: 2, Per: time.Second}
	now := time.Unix(0, 0)
	for i, want := range []bool{true, true, false, false} {
		if _, ok := l.Allow(now); ok != want {
			t.Errorf("event %d: %v, want %v", i, ok, want)
		}
	}
	if held, ok := l.Allow(now.Add(time.Second)); !ok || held != 2 {
		t.Errorf("next second: held %d, ok %v, want 2, true", held, ok)
	}
}
