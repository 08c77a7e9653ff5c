package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"gauntlet/targetapp/photo"
	"gauntlet/targetapp/postgres"

	"golang.org/x/sync/errgroup"
)

const (
	// leaveFor is how long a stopping node says that it is not ready before it stops accepting: three checks of the
	// load balancer at 200 ms.
	leaveFor   = 600 * time.Millisecond
	drainLimit = 3 * time.Second // for requests in flight; containers are killed 10 s after the signal
)

// Run serves until ctx ends and then drains. It returns an error if the configuration is wrong, the port is taken, or
// requests had to be cut off.
func Run(ctx context.Context, env func(string) string, log *slog.Logger) (done error) {
	cfg, err := ReadConfig(env)
	if err != nil {
		return err
	}
	parts, err := open(cfg, log)
	defer func() { done = errors.Join(done, parts.close()) }()
	if err != nil {
		return err
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", cfg.Listen)
	if err != nil {
		return fmt.Errorf("listen on APP_LISTEN: %w", err)
	}
	s := New(cfg.Name, parts.store, parts.routes, parts.sessions, log)
	s.metrics.registry.MustRegister(parts.metrics...)
	s.checks, s.pageAge, s.album, s.jobs = parts.checks, cfg.PageAge, photo.Album{Dir: cfg.Photos}, parts.jobs
	s.cacheReads, s.cacheLoads, s.shards = parts.reads, parts.loads, parts.shards
	s.withRegisters(parts.registers)
	if parts.social != nil { // comments and likes are not kept in shards
		s.withSocial(parts.social)
	}
	if parts.activity != nil {
		s.withActivity(parts.activity, parts.recorder)
	}
	if parts.router != nil {
		parts.beside = append(parts.beside, func(ctx context.Context) error {
			s.business.run(ctx, postgres.Daily{Router: parts.router}, log)
			return nil
		})
	}
	return serve(ctx, l, s, parts.run)
}

// serve answers on l until ctx ends. Checks of the databases and the like (watch) go on until the last request is answered.
func serve(ctx context.Context, l net.Listener, s *Server, watch func(context.Context) error) error {
	watchCtx, stopWatch := context.WithCancel(context.WithoutCancel(ctx))
	defer stopWatch()
	srv := &http.Server{
		Handler: s, ReadHeaderTimeout: 2 * time.Second, ReadTimeout: 5 * time.Second, WriteTimeout: 5 * time.Second,
		IdleTimeout: 30 * time.Second, MaxHeaderBytes: 16 << 10, ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelWarn),
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return watch(watchCtx) })
	g.Go(func() error {
		if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serve: %w", err)
		}
		return nil
	})
	g.Go(func() error {
		<-ctx.Done()
		defer stopWatch()
		return s.drain(ctx, srv)
	})
	s.log.LogAttrs(ctx, slog.LevelInfo, "listening on "+l.Addr().String())
	return g.Wait()
}

// drain tells the load balancer to leave, gives it time to see that, and lets requests in flight end.
func (s *Server) drain(ctx context.Context, srv *http.Server) error {
	s.log.LogAttrs(ctx, slog.LevelInfo, "draining")
	s.draining.Store(true)
	srv.SetKeepAlivesEnabled(false)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaveFor+drainLimit)
	defer cancel()
	leave := time.NewTimer(leaveFor)
	defer leave.Stop()
	<-leave.C
	if err := srv.Shutdown(ctx); err != nil {
		srv.Close()
		return fmt.Errorf("requests were cut off after %s of draining: %w", drainLimit, err)
	}
	s.log.LogAttrs(ctx, slog.LevelInfo, "stopped")
	return nil
}
