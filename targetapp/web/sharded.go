package web

import (
	"log/slog"
	"net/http"
	"strings"

	"gauntlet/targetapp/shard"
	"gauntlet/targetapp/sharded"
)

// partialHeader names the shards whose part of an answer is missing.
const partialHeader = "X-Partial"

// anyPosition stands for the session's positions where one is expected; the store goes by the visit's own.
const anyPosition = "0/1"

// sharded makes the store one over shards, instead of one database.
func (p *parts) sharded(cfg Config, log *slog.Logger) error {
	keeper, err := shard.NewKeeper(cfg.ShardMap)
	if err != nil {
		return err
	}
	s, err := sharded.Open(cfg.Shards, keeper, sharded.Options{App: cfg.Name, Idempotent: cfg.Idempotent, StaleReads: cfg.StaleReads}, log)
	if err != nil {
		return err
	}
	p.closers = append(p.closers, func() error { s.Close(); return nil })
	p.store, p.registers, p.routes, p.watch = s, s, s, s.Run
	p.checks = append(p.checks, s.Check)
	p.shards = s
	return nil
}

// visit starts what the store remembers of a request over shards: the session's position on each of them comes and goes in one header.
func visit(w http.ResponseWriter, r *http.Request) (http.ResponseWriter, *http.Request) {
	text := r.Header.Get(seenHeader)
	seen, err := shard.ParseSeen(text)
	if err != nil {
		return w, r // whoever parses it next refuses it
	}
	ctx, v := shard.With(r.Context(), seen)
	r = r.WithContext(ctx)
	if text != "" {
		r.Header.Set(seenHeader, anyPosition)
	}
	return &visited{ResponseWriter: w, visit: v}, r
}

// visited writes what the visit came to into the header.
type visited struct {
	http.ResponseWriter
	visit *shard.Visit
	begun bool
}

func (v *visited) WriteHeader(code int) {
	v.begun = true
	h := v.ResponseWriter.Header()
	if h.Get(seenHeader) != "" {
		h.Set(seenHeader, v.visit.Seen().String())
	}
	if missing := v.visit.Partial(); len(missing) > 0 {
		h.Set(partialHeader, strings.Join(missing, ","))
		h.Set(cacheControl, "no-store")
	}
	v.ResponseWriter.WriteHeader(code)
}

func (v *visited) Write(b []byte) (int, error) {
	if !v.begun {
		v.WriteHeader(http.StatusOK)
	}
	return v.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach the connection.
func (v *visited) Unwrap() http.ResponseWriter { return v.ResponseWriter }
