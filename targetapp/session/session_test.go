package session_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gauntlet/targetapp/session"
	"gauntlet/targetapp/token"
)

func signed(t *testing.T) session.Signed {
	t.Helper()
	s, err := token.NewSigner("0123456789abcdef")
	if err != nil {
		t.Fatal(err)
	}
	return session.Signed{Signer: s}
}

type sessions interface {
	Open(ctx context.Context, user int64) (string, error)
	User(ctx context.Context, tok string) (int64, error)
}

// A session is known where it must be, and nowhere after its life.
func TestSessions(t *testing.T) {
	a, b := session.NewLocal("web1"), session.NewLocal("web2")
	for _, c := range []struct {
		name         string
		opened, used sessions
		known        bool
	}{
		{"signed, at another node", signed(t), signed(t), true},
		{"local, at its node", a, a, true},
		{"local, at another node", a, b, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			tok, err := c.opened.Open(t.Context(), 7)
			if err != nil {
				t.Fatal(err)
			}
			user, err := c.used.User(t.Context(), tok)
			if c.known && (err != nil || user != 7) || !c.known && !errors.Is(err, session.ErrInvalid) {
				t.Errorf("%s: user %d, %v; want known %v", c.name, user, err, c.known)
			}
			time.Sleep(session.Life + time.Second)
			if _, err := c.opened.User(t.Context(), tok); !errors.Is(err, session.ErrInvalid) {
				t.Errorf("%s: after its life: %v, want ErrInvalid", c.name, err)
			}
		})
	}
}

func TestLocalTokensNameTheirNode(t *testing.T) {
	tok, err := session.NewLocal("web2").Open(t.Context(), 1)
	if err != nil || !strings.HasPrefix(tok, "web2.") {
		t.Errorf("token %q, %v; want one that begins with web2.", tok, err)
	}
}
