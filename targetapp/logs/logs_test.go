package logs_test

import (
	"bytes"
	"encoding/json"
	"net/http/httptest"
	"reflect"
	"testing"
	"time"

	"gauntlet/targetapp/logs"
	"gauntlet/targetapp/tracing"
)

func TestEveryLineHasExactlyTheFields(t *testing.T) {
	var out bytes.Buffer
	log := logs.New(&out, "web", "web1")
	log.Info("started", "port", 8080, "cause", "", "nodes", []string{"db1", "db2"})
	const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("traceparent", parent)
	log.ErrorContext(logs.With(tracing.FromRequest(r), logs.IDs{Request: "r1", User: "7"}), "failed")
	want := []map[string]any{
		{"service_name": "web", "instance_id": "web1", "request_id": "", "user_id": "", "severity": "INFO", "message": `started port=8080 cause="" nodes="[db1 db2]"`, "trace_id": ""},
		{"service_name": "web", "instance_id": "web1", "request_id": "r1", "user_id": "7", "severity": "ERROR", "message": "failed", "trace_id": "0af7651916cd43dd8448eb211c80319c"},
	}
	for i, dec := 0, json.NewDecoder(&out); i < len(want); i++ {
		var got map[string]any
		if err := dec.Decode(&got); err != nil {
			t.Fatal(err)
		}
		at, _ := got["timestamp"].(string)
		if _, err := time.Parse(time.RFC3339Nano, at); err != nil {
			t.Errorf("line %d: timestamp: %v", i, err)
		}
		delete(got, "timestamp")
		if !reflect.DeepEqual(got, want[i]) {
			t.Errorf("line %d: %v, want timestamp and %v", i, got, want[i])
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
