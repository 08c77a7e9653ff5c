package web

import (
	"context"
	"net/http"
	"strconv"

	"gauntlet/targetapp/postgres"
)

// Registers are numbers that anybody may set and read: what checkers of consistency work on. postgres.Store has them.
type Registers interface {
	SetRegister(ctx context.Context, key, value int64) (postgres.Where, error)
	Register(ctx context.Context, seen postgres.LSN, key int64) (int64, postgres.Where, error)
	CurrentRegister(ctx context.Context, key int64) (int64, postgres.Where, error)
}

// register is the body of both ways.
type register struct {
	Value int64 `json:"value"`
}

// withRegisters serves PUT and GET /registers/{key}. A read shows at least what the session has seen (X-Session-LSN); with ?current=1 it
// is linearizable.
func (s *Server) withRegisters(all Registers) {
	writes := newGate(maxWrites)
	s.handle("PUT /registers/{key}", "set_register", writes, func(w http.ResponseWriter, r *http.Request) { s.setRegister(w, r, all) })
	s.handle("GET /registers/{key}", "register", s.reads, func(w http.ResponseWriter, r *http.Request) { s.getRegister(w, r, all) })
}

func registerKey(w http.ResponseWriter, r *http.Request) (int64, bool) {
	key, err := strconv.ParseInt(r.PathValue("key"), 10, 64)
	if err != nil {
		fail(w, http.StatusBadRequest, "the key of a register is a number")
	}
	return key, err == nil
}

func (s *Server) setRegister(w http.ResponseWriter, r *http.Request, all Registers) {
	var in register
	key, ok := registerKey(w, r)
	if !ok || !decode(w, r, &in) {
		return
	}
	at, err := all.SetRegister(r.Context(), key, in.Value)
	s.served(w, at.Node)
	if err != nil {
		s.broken(w, r, 0, err)
		return
	}
	w.Header().Set(seenHeader, at.Seen.String())
	answer(w, http.StatusOK, in)
}

func (s *Server) getRegister(w http.ResponseWriter, r *http.Request, all Registers) {
	key, ok := registerKey(w, r)
	if !ok {
		return
	}
	lsn, ok := seen(w, r)
	if !ok {
		return
	}
	var value int64
	var at postgres.Where
	var err error
	if r.URL.Query().Get("current") == "" {
		value, at, err = all.Register(r.Context(), lsn, key)
	} else {
		value, at, err = all.CurrentRegister(r.Context(), key)
	}
	s.served(w, at.Node)
	if err != nil {
		s.broken(w, r, 0, err)
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set(seenHeader, max(lsn, at.Saw).String())
	answer(w, http.StatusOK, register{value})
}
