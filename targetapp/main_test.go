package targetapp

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestMainUsage(t *testing.T) {
	for _, args := range [][]string{nil, {"walk"}, {"web", "x"}, {"check"}, {"check", "a", "b"}, {"dead", "x"}, {"worker", "x"}} {
		if err := Main(t.Context(), args, func(string) string { return "" }); !errors.Is(err, ErrUsage) {
			t.Errorf("Main(%q) = %v, want ErrUsage", args, err)
		}
	}
}

func TestMainNeedsConfig(t *testing.T) {
	for _, role := range []string{"web", "seed", "worker", "dead", "sync"} {
		if err := Main(t.Context(), []string{role}, func(string) string { return "" }); err == nil {
			t.Errorf("%s without configuration ended well", role)
		}
	}
}

func TestCheck(t *testing.T) {
	for code, want := range map[int]bool{200: true, 204: true, 404: false, 503: false} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }))
		err := Main(t.Context(), []string{"check", srv.URL}, func(string) string { return "" })
		if (err == nil) != want {
			t.Errorf("check of %d: %v, want ok %v", code, err, want)
		}
		srv.Close()
		if err := Main(t.Context(), []string{"check", srv.URL}, func(string) string { return "" }); err == nil {
			t.Error("check of a closed port ended well")
		}
	}
}
