//go:build linux

package httpfault

import (
	"math"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"gauntlet/chaos"
)

func TestNewRuleRefuses(t *testing.T) {
	good := chaos.HTTPRule{Ports: []uint16{80}, Share: 1, Status: 503}
	tests := []struct {
		name, want string
		change     func(*chaos.HTTPRule)
	}{
		{"no ports", "ports", func(h *chaos.HTTPRule) { h.Ports = nil }},
		{"port 0", "ports", func(h *chaos.HTTPRule) { h.Ports = []uint16{80, 0} }},
		{"no share", "share", func(h *chaos.HTTPRule) { h.Share = 0 }},
		{"share above 1", "share", func(h *chaos.HTTPRule) { h.Share = 1.01 }},
		{"share is no number", "share", func(h *chaos.HTTPRule) { h.Share = math.NaN() }},
		{"status of success", "status", func(h *chaos.HTTPRule) { h.Status = 200 }},
		{"negative delay", "delay", func(h *chaos.HTTPRule) { h.Delay = -1 }},
		{"status and abort", "exclude", func(h *chaos.HTTPRule) { h.Abort = true }},
		{"nothing", "nothing to do", func(h *chaos.HTTPRule) { h.Status = 0 }},
		{"bad pattern", "path", func(h *chaos.HTTPRule) { h.Path = "/[" }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := good
			tt.change(&h)
			if _, err := newRule("x", &h); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("newRule = %v, want an error about %q", err, tt.want)
			}
		})
	}
	if _, err := newRule("x", nil); err == nil {
		t.Error("newRule without a rule = nil, want an error")
	}
	if _, err := newRule("x", &good); err != nil {
		t.Errorf("newRule of a good rule = %v", err)
	}
}

func TestConcerns(t *testing.T) {
	tests := []struct {
		pattern, method string
		asked, by       string
		port            uint16
		want            bool
	}{
		{"", "", "/any/thing", "GET", 80, true},
		{"", "", "/any/thing", "GET", 81, false},
		{"", "post", "/", "POST", 80, true},
		{"", "POST", "/", "GET", 80, false},
		{"/api/", "", "/api/users/1", "GET", 80, true},
		{"/api/", "", "/api", "GET", 80, false},
		{"/users/*", "", "/users/1", "GET", 80, true},
		{"/users/*", "", "/users/1/posts", "GET", 80, false},
		{"/users/1", "", "/users/1", "GET", 80, true},
		{"/", "", "/x", "GET", 80, true},
	}
	for _, tt := range tests {
		r, err := newRule("x", &chaos.HTTPRule{Ports: []uint16{80}, Share: 1, Abort: true, Path: tt.pattern, Method: tt.method})
		if err != nil {
			t.Fatal(err)
		}
		req := &http.Request{Method: tt.by, URL: &url.URL{Path: tt.asked, RawQuery: "a=b"}}
		if got := r.concerns(tt.port, req); got != tt.want {
			t.Errorf("rule %q %q concerns %s %s at %d = %v, want %v", tt.method, tt.pattern, tt.by, tt.asked, tt.port, got, tt.want)
		}
	}
}

func TestJudgeComposes(t *testing.T) {
	made := func(id string, h chaos.HTTPRule) *rule {
		h.Ports, h.Share = []uint16{80}, 1
		r, err := newRule(id, &h)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	rules := []*rule{made("a", chaos.HTTPRule{Delay: time.Second}), made("b", chaos.HTTPRule{Status: 503, Delay: time.Second}), made("c", chaos.HTTPRule{Abort: true})}
	got := judge(rules, 80, &http.Request{Method: "GET", URL: &url.URL{Path: "/"}})
	if want := (verdict{delay: 2 * time.Second, status: 503, id: "b"}); got != want {
		t.Errorf("judge = %+v, want %+v", got, want)
	}
}

func TestChance(t *testing.T) {
	for _, share := range []float64{0.001, 0.01, 0.1, 1. / 3, 0.5, 0.9, 1} {
		for seed := range uint64(5) {
			a, b := newChance(share, seed), newChance(share, seed)
			hits := 0
			for i := 1; i <= 100*block; i++ {
				hit := a.next()
				if hit != b.next() {
					t.Fatalf("share %v, seed %d: request %d is hit by chance", share, seed, i)
				}
				if hit {
					hits++
				}
				if off := math.Abs(float64(hits) - share*float64(i)); i%block == 0 && off >= 1 {
					t.Fatalf("share %v, seed %d: %d hits after %d requests are off by %v, want less than 1", share, seed, hits, i, off)
				}
			}
		}
	}
	// Half of the requests at random places: a client that alternates between two kinds sees both disturbed.
	c, even := newChance(0.5, 1), 0
	for i := range 10 * block {
		if c.next() && i%2 == 0 {
			even++
		}
	}
	if even < 2*block || even > 3*block {
		t.Errorf("of %d hits %d are on even requests, want about half", 5*block, even)
	}
}
