package token_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"gauntlet/targetapp/token"
)

func signer(t *testing.T, secret string) token.Signer {
	t.Helper()
	s, err := token.NewSigner(secret)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestVerify(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	s, other := signer(t, "a secret of 16 bytes"), signer(t, "another secret of 16")
	good := s.Sign(7, now.Add(time.Minute))
	for name, c := range map[string]struct {
		token string
		at    time.Time
		want  error
	}{
		"good":             {good, now, nil},
		"last second":      {good, now.Add(59 * time.Second), nil},
		"expired":          {good, now.Add(time.Minute), token.ErrInvalid},
		"other secret":     {other.Sign(7, now.Add(time.Minute)), now, token.ErrInvalid},
		"other user":       {strings.Replace(good, "7.", "8.", 1), now, token.ErrInvalid},
		"longer life":      {strings.Replace(good, "1000060", "1000061", 1), now, token.ErrInvalid},
		"no signature":     {"7.1000060", now, token.ErrInvalid},
		"empty signature":  {"7.1000060.", now, token.ErrInvalid},
		"empty":            {"", now, token.ErrInvalid},
		"trailing garbage": {good + "x", now, token.ErrInvalid},
	} {
		user, err := s.Verify(c.token, c.at)
		if !errors.Is(err, c.want) || (c.want == nil && user != 7) {
			t.Errorf("%s: Verify = %d, %v; want 7, %v", name, user, err, c.want)
		}
	}
}

func TestShortSecretIsRefused(t *testing.T) {
	if _, err := token.NewSigner("short"); err == nil {
		t.Error("a secret of 5 bytes was taken")
	}
}

func FuzzVerify(f *testing.F) {
	s, err := token.NewSigner("a secret of 16 bytes")
	if err != nil {
		f.Fatal(err)
	}
	now := time.Unix(1_000_000, 0)
	f.Add(s.Sign(7, now.Add(-time.Second)))
	f.Add("..")
	f.Fuzz(func(t *testing.T, text string) {
		if user, err := s.Verify(text, now); err == nil {
			t.Errorf("%q passed as user %d", text, user)
		}
	})
}
