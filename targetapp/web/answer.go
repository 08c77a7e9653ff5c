package web

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"gauntlet/targetapp/logs"
	"gauntlet/targetapp/postgres"
)

const maxBody = 64 << 10 // bytes of a request's body

func answer(w http.ResponseWriter, code int, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		code, b = http.StatusInternalServerError, []byte(`{"error":"the answer cannot be encoded"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	w.Write(append(b, '\n'))
}

func fail(w http.ResponseWriter, code int, message string) {
	answer(w, code, map[string]string{"error": message})
}

// noEffect tells the client that the request changed nothing and may be sent again.
func noEffect(w http.ResponseWriter) {
	w.Header().Set("X-Effect", "none")
	w.Header().Set("Retry-After", "1")
}

// broken answers a request that the store could not serve: 404, 503 if it certainly had no effect, 504 if the time ran
// out or the standby did not confirm, else 500.
func (s *Server) broken(w http.ResponseWriter, r *http.Request, user int64, err error) {
	code, message := http.StatusInternalServerError, "the request failed; it may have had an effect"
	switch {
	case errors.Is(err, postgres.ErrNotFound):
		fail(w, http.StatusNotFound, "no such row")
		return
	case errors.Is(err, postgres.ErrNoEffect):
		noEffect(w)
		code, message = http.StatusServiceUnavailable, "no database can serve this now; nothing was changed"
	case errors.Is(err, postgres.ErrNotReplicated), errors.Is(err, context.DeadlineExceeded):
		code, message = http.StatusGatewayTimeout, "no confirmation in time; the request may have had an effect"
	}
	s.logError(r, user, code, err)
	fail(w, code, message)
}

// logError writes at most five lines per second, and how many were held back.
func (s *Server) logError(r *http.Request, user int64, code int, err error) {
	ok, held := s.errors.Pass(time.Now())
	if !ok {
		return
	}
	ids := logs.From(r.Context())
	if user != 0 {
		ids.User = strconv.FormatInt(user, 10)
	}
	ctx := logs.With(r.Context(), ids)
	s.log.LogAttrs(ctx, slog.LevelError, r.Method+" "+r.URL.Path+": "+err.Error(), slog.Int("code", code), slog.Int("held_back", held))
}

// requestID is the caller's X-Request-Id, or a fresh one.
func requestID(r *http.Request) string {
	if id := r.Header.Get("X-Request-Id"); id != "" && len(id) <= 64 {
		return id
	}
	return strconv.FormatUint(rand.Uint64(), 16)
}
