package logs_test

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"gauntlet/targetapp/logs"
)

func TestEveryLineHasAllFields(t *testing.T) {
	var out bytes.Buffer
	log := logs.New(&out, "web", "web1")
	log.Info("started", "port", 8080)
	log.ErrorContext(logs.With(t.Context(), logs.IDs{Request: "r1", User: "7", Trace: "t1"}), "failed")
	want := []map[string]string{
		{"service_name": "web", "instance_id": "web1", "request_id": "", "user_id": "", "severity": "INFO", "message": "started", "trace_id": ""},
		{"service_name": "web", "instance_id": "web1", "request_id": "r1", "user_id": "7", "severity": "ERROR", "message": "failed", "trace_id": "t1"},
	}
	for i, dec := 0, json.NewDecoder(&out); i < len(want); i++ {
		var got map[string]any
		if err := dec.Decode(&got); err != nil {
			t.Fatal(err)
		}
		for k, v := range want[i] {
			if got[k] != v {
				t.Errorf("line %d: %s = %v, want %q", i, k, got[k], v)
			}
		}
		if _, err := time.Parse(time.RFC3339Nano, got["timestamp"].(string)); err != nil {
			t.Errorf("line %d: timestamp: %v", i, err)
		}
	}
}

func TestThrottle(t *testing.T) {
	th, now := logs.Throttle{PerSecond: 2}, time.Unix(100, 0)
	var got []bool
	for range 4 {
		ok, _ := th.Pass(now)
		got = append(got, ok)
	}
	if !got[0] || !got[1] || got[2] || got[3] {
		t.Errorf("within one second: %v, want two passes", got)
	}
	if ok, dropped := th.Pass(now.Add(time.Second)); !ok || dropped != 2 {
		t.Errorf("next second: %v, %d; want true, 2 held back", ok, dropped)
	}
}
