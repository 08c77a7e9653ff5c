// Package token makes and checks stateless session tokens: any web node that knows the secret can tell who calls, so that
// no session dies with the node that began it. The price is that a token can't be taken back before it expires.
package token

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

// ErrInvalid is wrapped by every refusal; callers answer 401.
var ErrInvalid = errors.New("token: not valid")

// MinSecret is the least length of a secret, in bytes.
const MinSecret = 16

// Signer signs with HMAC-SHA256 (RFC 2104). A token is "USER.EXPIRY.SIGNATURE": decimal, Unix seconds, unpadded base64url.
type Signer struct{ secret []byte }

// NewSigner refuses a secret shorter than [MinSecret].
func NewSigner(secret string) (Signer, error) {
	if len(secret) < MinSecret {
		return Signer{}, fmt.Errorf("token: the secret has %d bytes; give at least %d", len(secret), MinSecret)
	}
	return Signer{secret: []byte(secret)}, nil
}

// For returns a signer whose tokens only signers for the same purpose accept.
func (s Signer) For(purpose string) Signer {
	mac := hmac.New(sha256.New, s.secret)
	mac.Write([]byte(purpose))
	return Signer{secret: mac.Sum(nil)}
}

// Sign makes a token for the user that is valid until expiry, cut to whole seconds.
func (s Signer) Sign(user int64, expiry time.Time) string {
	head := strconv.FormatInt(user, 10) + "." + strconv.FormatInt(expiry.Unix(), 10)
	return head + "." + s.sum(head)
}

// Verify returns the token's user if the signature is right and now is before the expiry.
func (s Signer) Verify(token string, now time.Time) (int64, error) {
	cut := strings.LastIndexByte(token, '.')
	if cut < 0 {
		return 0, fmt.Errorf("%w: malformed", ErrInvalid)
	}
	head, sum := token[:cut], token[cut+1:]
	if !hmac.Equal([]byte(sum), []byte(s.sum(head))) {
		return 0, fmt.Errorf("%w: wrong signature", ErrInvalid)
	}
	id, until, _ := strings.Cut(head, ".")
	user, err := strconv.ParseInt(id, 10, 64)
	expiry, err2 := strconv.ParseInt(until, 10, 64)
	if err := errors.Join(err, err2); err != nil {
		return 0, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	if now.Unix() >= expiry {
		return 0, fmt.Errorf("%w: expired", ErrInvalid)
	}
	return user, nil
}

func (s Signer) sum(text string) string {
	mac := hmac.New(sha256.New, s.secret)
	mac.Write([]byte(text))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}
