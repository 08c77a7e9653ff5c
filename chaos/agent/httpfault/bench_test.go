//go:build linux

package httpfault

import (
	"testing"

	"gauntlet/chaos"
)

// BenchmarkRequest is one request of a client with keep-alive, without and with the proxy between it and the target.
func BenchmarkRequest(b *testing.B) {
	for _, name := range []string{"direct", "proxied"} {
		b.Run(name, func(b *testing.B) {
			s := newSite(b)
			if name == "proxied" {
				s.apply(b, newWorker(b), "x", chaos.HTTPRule{Path: "/none", Share: 1, Abort: true})
			}
			c := s.client(b)
			for b.Loop() {
				if status, _, err := s.get(b, c, s.ip4, "/"); status != 200 || err != nil {
					b.Fatal(status, err)
				}
			}
		})
	}
}
