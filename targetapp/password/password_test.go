package password_test

import (
	"strings"
	"testing"

	"gauntlet/targetapp/password"
)

func TestMatches(t *testing.T) {
	hash, err := password.Hash("password-1")
	if err != nil {
		t.Fatal(err)
	}
	again, _ := password.Hash("password-1")
	if again == hash {
		t.Error("two hashes of one password are equal: no salt")
	}
	for name, c := range map[string]struct {
		password, hash string
		want           bool
	}{
		"right":         {"password-1", hash, true},
		"other salt":    {"password-1", again, true},
		"wrong":         {"password-2", hash, false},
		"empty":         {"", hash, false},
		"no hash":       {"password-1", "", false},
		"empty key":     {"password-1", "pbkdf2-sha256$1000$AAAA$", false},
		"other scheme":  {"password-1", strings.Replace(hash, "pbkdf2", "plain", 1), false},
		"absurd cost":   {"password-1", strings.Replace(hash, "$1000$", "$999999999$", 1), false},
		"other cost":    {"password-1", strings.Replace(hash, "$1000$", "$999$", 1), false},
		"damaged bytes": {"password-1", hash[:len(hash)-1] + "*", false},
	} {
		if got := password.Matches(c.password, c.hash); got != c.want {
			t.Errorf("%s: Matches = %v, want %v", name, got, c.want)
		}
	}
}

func BenchmarkMatches(b *testing.B) {
	hash, err := password.Hash("password-1")
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		password.Matches("password-1", hash)
	}
}
