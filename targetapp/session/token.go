package session

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Errors of Tokens.Check.
var (
	ErrForged  = errors.New("token is malformed or not signed by us; log in again")
	ErrExpired = errors.New("token has expired; log in again")
)

// minSecret is the shortest secret that is accepted, in bytes: 128 bits.
const minSecret = 16

// Tokens signs and checks tokens of the form "user.expiry.signature": user number and expiry (Unix seconds) in decimal,
// signature the URL-safe base64 of HMAC-SHA256 (RFC 2104) over "user.expiry".
type Tokens struct {
	secret []byte
	life   time.Duration
}

// NewTokens returns a signer. Tokens live for life; secret must have at least 16 bytes.
func NewTokens(secret string, life time.Duration) (*Tokens, error) {
	if len(secret) < minSecret {
		return nil, fmt.Errorf("secret has %d bytes, want at least %d: set APP_SECRET", len(secret), minSecret)
	}
	return &Tokens{secret: []byte(secret), life: life}, nil
}

// Sign returns a token for user that is valid from now on.
func (t *Tokens) Sign(user int64, now time.Time) string {
	claim := strconv.FormatInt(user, 10) + "." + strconv.FormatInt(now.Add(t.life).Unix(), 10)
	return claim + "." + t.signature(claim)
}

// Check returns the user whom the token was signed for; ErrForged or ErrExpired otherwise.
func (t *Tokens) Check(token string, now time.Time) (int64, error) {
	cut := strings.LastIndexByte(token, '.')
	if cut < 0 || !hmac.Equal([]byte(token[cut+1:]), []byte(t.signature(token[:cut]))) {
		return 0, ErrForged
	}
	u, e, ok := strings.Cut(token[:cut], ".")
	user, err1 := strconv.ParseInt(u, 10, 64)
	expiry, err2 := strconv.ParseInt(e, 10, 64)
	if !ok || err1 != nil || err2 != nil {
		return 0, ErrForged
	}
	if now.Unix() >= expiry {
		return 0, ErrExpired
	}
	return user, nil
}

func (t *Tokens) signature(claim string) string {
	m := hmac.New(sha256.New, t.secret)
	m.Write([]byte(claim))
	return base64.RawURLEncoding.EncodeToString(m.Sum(nil))
}
