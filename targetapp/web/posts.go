package web

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"gauntlet/targetapp/postgres"
)

const seenHeader = "X-Session-LSN"

// seen is the position in the log that the session has seen, from the header that an earlier write was answered with.
func seen(w http.ResponseWriter, r *http.Request) (postgres.LSN, bool) {
	lsn, err := postgres.ParseLSN(r.Header.Get(seenHeader))
	if err != nil {
		fail(w, http.StatusBadRequest, seenHeader+": "+err.Error())
	}
	return lsn, err == nil
}

func (s *Server) feed(w http.ResponseWriter, r *http.Request) {
	lsn, ok := seen(w, r)
	if !ok {
		return
	}
	posts, at, err := s.store.Feed(r.Context(), lsn)
	s.served(w, at.Node)
	if err != nil {
		s.broken(w, r, 0, err)
		return
	}
	s.shared(w, r)
	answer(w, http.StatusOK, map[string]any{"posts": posts})
}

func (s *Server) post(w http.ResponseWriter, r *http.Request) {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil {
		fail(w, http.StatusBadRequest, "the id of a post is a number")
		return
	}
	lsn, ok := seen(w, r)
	if !ok {
		return
	}
	p, at, err := s.store.Post(r.Context(), lsn, id)
	s.served(w, at.Node)
	if err != nil {
		s.broken(w, r, 0, err)
		return
	}
	s.shared(w, r)
	answer(w, http.StatusOK, p)
}

type created struct {
	ID   int64  `json:"id"`
	OpID *int64 `json:"op_id,omitempty"`
}

func (s *Server) addPost(w http.ResponseWriter, r *http.Request) {
	user, ok := s.user(w, r)
	if !ok {
		return
	}
	var in struct{ Text string }
	if !decode(w, r, &in) {
		return
	}
	op, err := opID(r)
	if err != nil {
		fail(w, http.StatusBadRequest, err.Error())
		return
	}
	id, at, err := s.store.AddPost(r.Context(), postgres.NewPost{UserID: user, Text: in.Text, OpID: op})
	s.served(w, at.Node)
	if err != nil {
		s.broken(w, r, user, err)
		return
	}
	if at.Seen > 0 { // a post that only the cache has stands nowhere in the log
		w.Header().Set(seenHeader, at.Seen.String())
	}
	answer(w, http.StatusCreated, created{id, op})
}

// user is who sent the request; it answers 401 or 503 itself if that is nobody or cannot be told.
func (s *Server) user(w http.ResponseWriter, r *http.Request) (int64, bool) {
	bearer, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	user, err := s.sessions.User(r.Context(), bearer)
	if err != nil {
		s.noSession(w, r, err)
	}
	return user, err == nil
}

func opID(r *http.Request) (*int64, error) {
	h := r.Header.Get("X-Op-Id")
	if h == "" {
		return nil, nil
	}
	id, err := strconv.ParseInt(h, 10, 64)
	if err != nil || id < 0 {
		return nil, fmt.Errorf("X-Op-Id is %q, want a whole number from 0", h)
	}
	return &id, nil
}

// decode reads the JSON body; it answers 400 or 413 itself if that fails.
func decode(w http.ResponseWriter, r *http.Request, v any) bool {
	err := json.NewDecoder(r.Body).Decode(v)
	if err == nil {
		return true
	}
	code := http.StatusBadRequest
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		code = http.StatusRequestEntityTooLarge
	}
	fail(w, code, "the body is not the JSON expected: "+err.Error())
	return false
}
