package postgres

import (
	"context"
	"errors"
	"net"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jackc/pgx/v5"
)

// Each answer that does not come is awaited longer than the one before, up to a limit; after a refusal, which costs the node nothing, the
// patience is the first again.
func TestPatienceWithAHangingNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg, err := pgx.ParseConfig("postgres://app@127.0.0.1:5432/app?sslmode=disable")
		if err != nil {
			t.Fatal(err)
		}
		refuse := false
		cfg.LookupFunc = func(_ context.Context, host string) ([]string, error) { return []string{host}, nil }
		cfg.DialFunc = func(context.Context, string, string) (net.Conn, error) {
			if refuse {
				return nil, errors.New("connection refused")
			}
			ours, theirs := net.Pipe() // nobody reads the other end
			t.Cleanup(func() { theirs.Close() })
			return ours, nil
		}
		m := &monitor{cfg: cfg}
		var took []time.Duration
		for i := range 6 {
			refuse = i == 4
			began := time.Now()
			if f := m.check(t.Context()); f.err == nil {
				t.Fatal("an answer of nobody")
			}
			took = append(took, time.Since(began))
		}
		if want := []time.Duration{hangLimit, 2 * hangLimit, hangMost, hangMost, 0, hangLimit}; !slices.Equal(took, want) {
			t.Errorf("waited %v, want %v", took, want)
		}
	})
}
