// Package aside answers health, readiness and metrics for roles that serve nothing else over HTTP.
package aside

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"
)

// Serve answers on l until ctx ends, and then gives requests that are under way the time drain to end.
func Serve(ctx context.Context, l net.Listener, h http.Handler, log *slog.Logger, drain time.Duration) error {
	srv := &http.Server{Handler: h, ReadHeaderTimeout: 2 * time.Second, WriteTimeout: 5 * time.Second, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn)}
	var g errgroup.Group
	g.Go(func() error {
		if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serve: %w", err)
		}
		return nil
	})
	<-ctx.Done()
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), drain)
	defer cancel()
	err := srv.Shutdown(end)
	return errors.Join(err, g.Wait())
}

// Handler answers /health, /ready and /metrics. missing is asked for each /ready; "" is ready. It goes into JSON as it is: plain words.
func Handler(missing func(ctx context.Context) string, metrics http.Handler) *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /health", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"status":"alive"}`+"\n") })
	mux.HandleFunc("GET /ready", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if what := missing(r.Context()); what != "" {
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = fmt.Fprintf(w, "{\"ready\":false,\"missing\":[%q]}\n", what)
			return
		}
		_, _ = io.WriteString(w, `{"ready":true,"missing":[]}`+"\n")
	})
	mux.Handle("GET /metrics", metrics)
	return mux
}
