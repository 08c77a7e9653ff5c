package session

import (
	"context"
	"strings"
	"time"

	"gauntlet/targetapp/token"
)

// Regional keeps the sessions of a region in a store that its nodes share, and recognises those of other regions, whose stores may be
// far away or dead: a token says which region it is from and is signed, and one that is from elsewhere is good as it is. So a user whose
// region dies stays logged in; what is not seen is that another region has ended a session.
type Regional struct {
	Region string
	Shared *Shared
	Signer token.Signer
}

// Open begins a session of the user in this region and returns its token, or ErrStore.
func (r Regional) Open(ctx context.Context, user int64) (string, error) {
	tok := r.Region + "." + r.Signer.For(r.Region).Sign(user, time.Now().Add(Life))
	return tok, r.Shared.open(ctx, tok, user)
}

// User returns whose session the token is, ErrInvalid, or ErrStore if that cannot be told.
func (r Regional) User(ctx context.Context, tok string) (int64, error) {
	region, signed, _ := strings.Cut(tok, ".")
	user, err := r.Signer.For(region).Verify(signed, time.Now())
	if err != nil || region != r.Region {
		return user, err
	}
	return r.Shared.User(ctx, tok)
}
