package compose

import (
	"io"
	"net"
	"sync"
	"testing"
)

// server answers each connection, after it has heard something, with one text; "" closes it.
func server(t *testing.T, answer string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	t.Cleanup(wg.Wait)
	t.Cleanup(func() { l.Close() })
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			if _, err := c.Read(make([]byte, 8)); err == nil {
				io.WriteString(c, answer)
			}
			c.Close()
		}
	})
	return l.Addr().String()
}

func TestHello(t *testing.T) {
	for _, c := range []struct {
		kind, answer string
		ready        bool
	}{
		{"postgres", "N", true},
		{"postgres", "S", true},
		{"postgres", "", false},
		{"redis", "+PONG\r\n", true},
		{"redis-cluster", "$-1\r\n", true},
		{"redis-cluster", "-MOVED 15728 10.0.0.1:6379\r\n", true},
		{"redis-cluster", "-CLUSTERDOWN Hash slot not served\r\n", false},
		{"redis", "-LOADING Redis is loading the dataset in memory\r\n", false},
	} {
		if why := hellos[c.kind].ask(t.Context(), server(t, c.answer)); (why == "") != c.ready {
			t.Errorf("%s that answers %q: %q, want ready %v", c.kind, c.answer, why, c.ready)
		}
	}
	if why := hellos["redis"].ask(t.Context(), "127.0.0.1:1"); why == "" {
		t.Error("nobody listens, and that counts as ready")
	}
}
