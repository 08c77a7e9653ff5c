package web

import (
	"errors"
	"net/http"
	"time"

	"gauntlet/targetapp/password"
	"gauntlet/targetapp/postgres"
)

func (s *Server) login(w http.ResponseWriter, r *http.Request) {
	var in struct {
		User     int64
		Password string
	}
	if !decode(w, r, &in) {
		return
	}
	lsn, ok := seen(w, r)
	if !ok {
		return
	}
	u, at, err := s.store.User(r.Context(), lsn, in.User)
	s.served(w, at.Node)
	if err != nil && !errors.Is(err, postgres.ErrNotFound) {
		s.broken(w, r, in.User, err)
		return
	}
	if err != nil || !password.Matches(in.Password, u.Hash) {
		fail(w, http.StatusUnauthorized, "unknown user or wrong password")
		return
	}
	answer(w, http.StatusOK, map[string]string{"token": s.tokens.Sign(u.ID, time.Now().Add(tokenLife))})
}

// tokenLife is how long a login lasts; a token cannot be taken back.
const tokenLife = 24 * time.Hour

const maxName, maxPassword = 100, 200 // bytes

func (s *Server) signup(w http.ResponseWriter, r *http.Request) {
	var in struct{ Name, Password string }
	if !decode(w, r, &in) {
		return
	}
	if in.Name == "" || in.Password == "" || len(in.Name) > maxName || len(in.Password) > maxPassword {
		fail(w, http.StatusBadRequest, "a name of 1 to 100 bytes and a password of 1 to 200 bytes are needed")
		return
	}
	hash, err := password.Hash(in.Password)
	if err != nil {
		s.broken(w, r, 0, err)
		return
	}
	id, at, err := s.store.AddUser(r.Context(), in.Name, hash)
	s.served(w, at.Node)
	if err != nil {
		s.broken(w, r, 0, err)
		return
	}
	w.Header().Set(seenHeader, at.Seen.String())
	answer(w, http.StatusCreated, map[string]any{"user": id, "token": s.tokens.Sign(id, time.Now().Add(tokenLife))})
}
