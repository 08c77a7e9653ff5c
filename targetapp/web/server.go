package web

import (
	"context"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"gauntlet/targetapp/logs"
	"gauntlet/targetapp/photo"
	"gauntlet/targetapp/postgres"
)

// Store is what the handlers need of the database; postgres.Store is one.
type Store interface {
	Feed(ctx context.Context, seen postgres.LSN) ([]postgres.Post, postgres.Where, error)
	Post(ctx context.Context, seen postgres.LSN, id int64) (postgres.Post, postgres.Where, error)
	User(ctx context.Context, seen postgres.LSN, id int64) (postgres.User, postgres.Where, error)
	AddPost(ctx context.Context, p postgres.NewPost) (int64, postgres.Where, error)
	AddUser(ctx context.Context, name, hash string) (int64, postgres.Where, error)
}

// Routes says where the store sends requests now, and how its pools are; postgres.Router is one.
type Routes interface {
	Route() postgres.Route
	Stats() []postgres.PoolStat
}

// Sessions says who a request is from; those of package session are such. An error that wraps session.ErrInvalid means that the
// user must log in again, any other that it cannot be told now.
type Sessions interface {
	Open(ctx context.Context, user int64) (token string, err error)
	User(ctx context.Context, token string) (int64, error)
}

// Jobs takes work that follows from an upload; postgres.Outbox is one.
type Jobs interface {
	AddJob(ctx context.Context, kind, ref string) error
}

// Requests in flight beyond which load is shed. Writes have their own bound, so that writes that wait for a new primary
// leave room for reads; so do logins, whose hashing takes the processor.
const (
	maxReads  = 128
	maxWrites = 64
	maxLogins = 8
)

// Server is the handler of a web node. Make one with New.
type Server struct {
	name     string
	store    Store
	routes   Routes
	sessions Sessions
	log      *slog.Logger
	errors   logs.Throttle
	metrics  *metrics
	mux      *http.ServeMux
	reads    *gate
	checks   []func(context.Context) error // of what the node cannot be ready without, beside the database
	pageAge  time.Duration                 // for which other caches may keep pages; 0: nothing is said about it
	album    photo.Album
	jobs     Jobs // nil: none are made
	draining atomic.Bool

	cacheReads func() (hits, misses int64) // nil: there is no cache
	cacheLoads func() int64                // fetches from the database to fill it
}

// New returns the handler of the web node name.
func New(name string, store Store, routes Routes, sessions Sessions, log *slog.Logger) *Server {
	s := &Server{name: name, store: store, routes: routes, sessions: sessions, log: log, mux: http.NewServeMux(), reads: newGate(maxReads)}
	s.errors = logs.Throttle{PerSecond: 5}
	s.metrics = newMetrics(routes)
	writes, logins := newGate(maxWrites), newGate(maxLogins)
	s.handle("GET /{$}", "page", s.reads, s.page)
	s.handle("GET /feed", "feed", s.reads, s.feed)
	s.handle("GET /posts/{id}", "post", s.reads, s.post)
	s.handle("POST /posts", "add_post", writes, s.addPost)
	s.handle("POST /login", "login", logins, s.login)
	s.handle("POST /signup", "signup", logins, s.signup)
	s.handle("POST /photos", "add_photo", logins, s.addPhoto)
	s.handle("GET /photos/{name}", "photo", s.reads, s.photo)
	s.handle("GET /static/{name}", "static", s.reads, s.static)
	s.handle("GET /health", "health", nil, s.health)
	s.handle("GET /ready", "ready", nil, s.ready)
	s.handle("GET /route", "route", nil, s.route)
	s.mux.Handle("GET /metrics", s.metrics.handler())
	return s
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.served(w, "-")
	s.mux.ServeHTTP(w, r)
}

// served names the node and the database behind the answer; "-" stands for none.
func (s *Server) served(w http.ResponseWriter, db string) {
	if db == "" {
		db = "-"
	}
	w.Header().Set("X-Served-By", s.name+" "+db)
}

// handle registers h for pattern: counted as op, at most as many at once as g lets in (nil: no bound).
func (s *Server) handle(pattern, op string, g *gate, h http.HandlerFunc) {
	count := s.metrics.op(op)
	limit := int64(maxBody)
	if op == "add_photo" {
		limit = photo.MaxBytes + 1
	}
	s.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		rec := &recorder{ResponseWriter: w, code: http.StatusOK}
		defer func() { count(rec.code, time.Since(began)) }()
		if !g.enter() {
			s.metrics.shed(op)
			noEffect(rec)
			fail(rec, http.StatusServiceUnavailable, "too many requests in flight")
			return
		}
		defer g.leave()
		r.Body = http.MaxBytesReader(rec, r.Body, limit)
		h(rec, r)
	})
}

// recorder remembers the status code.
type recorder struct {
	http.ResponseWriter
	code int
}

func (r *recorder) WriteHeader(code int) {
	r.code = code
	r.ResponseWriter.WriteHeader(code)
}

// Unwrap lets http.ResponseController reach the connection.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }
