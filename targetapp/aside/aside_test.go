package aside

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// What is missing is said, and the end of the context ends it all.
func TestServe(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var missing atomic.Value
	h := Handler(func(context.Context) string { return missing.Load().(string) }, http.NotFoundHandler())
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- Serve(ctx, l, h, slog.New(slog.DiscardHandler), time.Second) }()
	for _, c := range []struct {
		path, missing string
		code          int
		body          string
	}{
		{"/health", "the engine does not answer", 200, `"alive"`},
		{"/ready", "the engine does not answer", 503, `{"ready":false,"missing":["the engine does not answer"]}`},
		{"/ready", "", 200, `{"ready":true,"missing":[]}`},
	} {
		missing.Store(c.missing)
		resp, err := http.Get("http://" + l.Addr().String() + c.path)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if resp.StatusCode != c.code || !strings.Contains(string(body), c.body) {
			t.Errorf("%s with %q missing: %d %s", c.path, c.missing, resp.StatusCode, body)
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("at the end: %v", err)
	}
}
