package web

import (
	"errors"
	"net/http"

	"gauntlet/targetapp/password"
	"gauntlet/targetapp/postgres"
	"gauntlet/targetapp/session"
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
	tok, err := s.sessions.Open(r.Context(), u.ID)
	if err != nil {
		s.noSession(w, r, err)
		return
	}
	s.note(u.ID, "login", 0)
	answer(w, http.StatusOK, map[string]string{"token": tok})
}

// noSession answers a request whose session is not valid, 401, or could not be looked up or made, 503.
func (s *Server) noSession(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, session.ErrInvalid) {
		fail(w, http.StatusUnauthorized, err.Error()+"; log in again")
		return
	}
	noEffect(w)
	s.logError(r, 0, http.StatusServiceUnavailable, err)
	fail(w, http.StatusServiceUnavailable, "the session store cannot be reached now; nothing was changed")
}

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
	tok, err := s.sessions.Open(r.Context(), id)
	if err != nil { // the user is there: a login will do
		s.logError(r, id, http.StatusCreated, err)
	}
	s.note(id, "signup", 0)
	answer(w, http.StatusCreated, map[string]any{"user": id, "token": tok})
}
