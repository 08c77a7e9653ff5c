package session

import (
	"errors"
	"strings"
	"testing"
	"time"
)

const secret = "0123456789abcdef"

func TestTokens(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	tokens, err := NewTokens(secret, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	other, err := NewTokens("another secret of 16+", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	good := tokens.Sign(42, now)
	for _, c := range []struct {
		name, token string
		at          time.Time
		want        int64
		err         error
	}{
		{"good", good, now, 42, nil},
		{"last second", good, now.Add(time.Hour - time.Second), 42, nil},
		{"expired", good, now.Add(time.Hour), 0, ErrExpired},
		{"other user", strings.Replace(good, "42.", "43.", 1), now, 0, ErrForged},
		{"longer life", strings.Replace(good, ".1700", ".1900", 1), now, 0, ErrForged},
		{"other secret", other.Sign(42, now), now, 0, ErrForged},
		{"no signature", good[:strings.LastIndexByte(good, '.')+1], now, 0, ErrForged},
		{"empty", "", now, 0, ErrForged},
		{"dots", "..", now, 0, ErrForged},
		{"signed, but no claim", "." + tokens.signature(""), now, 0, ErrForged},
	} {
		if got, err := tokens.Check(c.token, c.at); got != c.want || !errors.Is(err, c.err) {
			t.Errorf("%s: Check = %d, %v, want %d, %v", c.name, got, err, c.want, c.err)
		}
	}
}

func TestShortSecret(t *testing.T) {
	if _, err := NewTokens("short", time.Hour); err == nil {
		t.Error("a secret of 5 bytes was accepted")
	}
}

func TestPassword(t *testing.T) {
	h, err := Hash("password-1")
	if err != nil {
		t.Fatal(err)
	}
	h2, err := Hash("password-1")
	if err != nil {
		t.Fatal(err)
	}
	if h == h2 {
		t.Error("two hashes of one password are equal: no salt")
	}
	for _, c := range []struct {
		hash, password string
		want           bool
	}{
		{h, "password-1", true}, {h, "password-2", false}, {h, "", false}, {"", "", false}, {"a$b$c$d", "x", false},
		{strings.Replace(h, "$1000$", "$1001$", 1), "password-1", false},
		{strings.Replace(h, "$1000$", "$999999999$", 1), "password-1", false},
		{"pbkdf2-sha256$1$AAAA$", "", false},
	} {
		if got := Matches(c.hash, c.password); got != c.want {
			t.Errorf("Matches(%q, %q) = %v, want %v", c.hash, c.password, got, c.want)
		}
	}
}
