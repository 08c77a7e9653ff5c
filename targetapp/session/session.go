// Package session says who a request is from. Where sessions live is what rungs of the ladder differ in: in the token itself,
// signed, so that any web node can check it ([Signed]); in the memory of the node that logged the user in ([Local]); or in a
// store that all nodes share ([Shared]), or all of a region ([Regional]).
package session

import (
	"context"
	"errors"
	"time"

	"gauntlet/targetapp/token"
)

// Life is how long a login lasts.
const Life = 24 * time.Hour

var (
	// ErrInvalid is wrapped when there is no such session, or it has expired: the user must log in again.
	ErrInvalid = token.ErrInvalid
	// ErrStore is wrapped when the store of the sessions cannot say; nothing was changed.
	ErrStore = errors.New("session: the store cannot be reached")
)

// Signed keeps nothing: a session is a signed token. It cannot be taken back before it expires.
type Signed struct{ Signer token.Signer }

// Open begins a session of the user and returns its token.
func (s Signed) Open(_ context.Context, user int64) (string, error) {
	return s.Signer.Sign(user, time.Now().Add(Life)), nil
}

// User returns whose session the token is, or ErrInvalid.
func (s Signed) User(_ context.Context, tok string) (int64, error) {
	return s.Signer.Verify(tok, time.Now())
}
