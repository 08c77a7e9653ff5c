package gate

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"
)

const (
	agentLimit = 300 * time.Millisecond // for the region's agent, which is near
	sqlLimit   = 300 * time.Millisecond // for the server's answer; after one that did not come, twice the time
	sqlMost    = 2 * time.Second        // at most
)

// config of a gate.
type config struct {
	agent  string // APP_AGENT, host:port of the region's agent
	socket string // APP_SOCKET, folder of the server's socket, default /tmp
	listen string // APP_GATE_LISTEN, where Patroni asks, default 127.0.0.1:8009
	open   bool   // APP_FENCE=false: a mutant, whose gate never closes
}

func readConfig(env func(string) string) (config, error) {
	c := config{agent: env("APP_AGENT"), socket: cmp.Or(env("APP_SOCKET"), "/tmp"), listen: cmp.Or(env("APP_GATE_LISTEN"), "127.0.0.1:8009"), open: env("APP_FENCE") == "false"}
	if _, _, err := net.SplitHostPort(c.agent); err != nil {
		return c, fmt.Errorf("APP_AGENT is %q, want host:port of the region's agent", c.agent)
	}
	return c, nil
}

// Run keeps the gate until ctx ends. It needs root and the capability NET_ADMIN.
func Run(ctx context.Context, env func(string) string, log *slog.Logger) error {
	cfg, err := readConfig(env)
	if err != nil {
		return err
	}
	g := &gate{kernel: kernel(), lease: askAgent(cfg.agent), recovering: askServer(cfg.socket), now: time.Now}
	if cfg.open {
		g.kernel = wide{}
		g.lease = func(context.Context) (time.Duration, error) { return time.Minute, nil }
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", cfg.listen)
	if err != nil {
		return fmt.Errorf("listen on APP_GATE_LISTEN: %w", err)
	}
	srv := &http.Server{Handler: g.handler(log), ReadHeaderTimeout: time.Second}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	group.Go(func() error {
		g.watch(ctx, log)
		return srv.Close()
	})
	return group.Wait()
}

// watch renews the gate until ctx ends, and logs when it changes.
func (g *gate) watch(ctx context.Context, log *slog.Logger) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	said := ""
	for ctx.Err() == nil {
		primary, open, err := g.renew(ctx)
		if text := words(primary, open, err); text != said {
			said = text
			log.LogAttrs(ctx, slog.LevelInfo, text)
		}
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
}

func words(primary bool, open time.Duration, err error) string {
	switch {
	case err != nil && primary:
		return "a primary whose region's agent does not answer: open until the lease ends"
	case err != nil:
		return "the server does not say what it is: closing"
	case open <= 0:
		return "a primary without the lease: closed"
	case primary:
		return "a primary under the lease: open"
	}
	return "a replica: open"
}

// handler answers Patroni, which asks before it promotes.
func (g *gate) handler(log *slog.Logger) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /promote", func(w http.ResponseWriter, r *http.Request) {
		ok, err := g.promote(r.Context())
		if !ok {
			log.LogAttrs(r.Context(), slog.LevelWarn, "promotion refused: the region does not hold the lease", slog.Any("error", err))
			http.Error(w, "the region does not hold the lease", http.StatusServiceUnavailable)
		}
	})
	return mux
}

// askAgent asks the region's agent.
func askAgent(addr string) Lease {
	client := &http.Client{Timeout: agentLimit}
	return func(ctx context.Context) (time.Duration, error) {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/lease", nil)
		if err != nil {
			return 0, err
		}
		res, err := client.Do(req)
		if err != nil {
			return 0, err
		}
		defer res.Body.Close()
		var says struct {
			Left int64 `json:"left_ms"`
		}
		if err := json.NewDecoder(res.Body).Decode(&says); err != nil {
			return 0, err
		}
		return time.Duration(says.Left) * time.Millisecond, nil
	}
}

// askServer asks the database server on its socket, on one connection that is made anew after a failure. A server that is too busy to
// answer is given more time: each new connection is a process that it must start.
func askServer(folder string) Recovering {
	var c *pgx.Conn // renew and promote take turns
	limit := sqlLimit
	return func(ctx context.Context) (replica bool, err error) {
		ctx, cancel := context.WithTimeout(ctx, limit)
		defer cancel()
		defer func() {
			if !errors.Is(err, context.DeadlineExceeded) {
				limit = sqlLimit
				return
			}
			limit = min(2*limit, sqlMost)
		}()
		if c == nil {
			if c, err = pgx.Connect(ctx, "host="+folder+" user=postgres dbname=postgres application_name=gate"); err != nil {
				c = nil
				return false, err
			}
		}
		if err = c.QueryRow(ctx, "select pg_is_in_recovery()").Scan(&replica); err != nil {
			err = errors.Join(err, c.Close(ctx))
			c = nil
		}
		return replica, err
	}
}
