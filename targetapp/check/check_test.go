package check_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"gauntlet/targetapp/check"
)

func TestURL(t *testing.T) {
	release := make(chan struct{})
	mux := http.NewServeMux()
	mux.HandleFunc("/ok", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("/bad", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) })
	mux.HandleFunc("/moved", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/ok", http.StatusFound) })
	mux.HandleFunc("/hang", func(_ http.ResponseWriter, r *http.Request) { <-release })
	srv := httptest.NewServer(mux)
	defer srv.Close()
	defer close(release)
	for url, want := range map[string]error{
		srv.URL + "/ok":        nil,
		srv.URL + "/bad":       check.ErrUnhealthy,
		srv.URL + "/moved":     check.ErrUnhealthy,
		srv.URL + "/hang":      check.ErrUnhealthy,
		"http://127.0.0.1:1/x": check.ErrUnhealthy,
		"::":                   check.ErrUnhealthy,
	} {
		if got := check.URL(t.Context(), url); !errors.Is(got, want) {
			t.Errorf("URL(%q) = %v, want %v", url, got, want)
		}
	}
}
