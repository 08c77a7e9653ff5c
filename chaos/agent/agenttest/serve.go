//go:build linux

package agenttest

import (
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// Echo answers every byte with itself, over TCP on addr in the space, until the test ends.
func (s *Space) Echo(t testing.TB, addr string) {
	t.Helper()
	s.Serve(t, addr, func(c net.Conn) { _, _ = io.Copy(c, c) })
}

// Serve accepts TCP connections on addr in the space until the test ends, and closes each when handle returns.
func (s *Space) Serve(t testing.TB, addr string, handle func(net.Conn)) {
	t.Helper()
	l, err := s.Listen(addr)
	if err != nil {
		t.Fatalf("listen: %v", err)
	}
	var wait sync.WaitGroup
	var mu sync.Mutex
	open := map[net.Conn]bool{}
	wait.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open[c] = true
			mu.Unlock()
			wait.Go(func() {
				handle(c)
				_ = c.Close()
				mu.Lock()
				delete(open, c)
				mu.Unlock()
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		mu.Lock()
		for c := range open {
			_ = c.Close()
		}
		mu.Unlock()
		wait.Wait()
	})
}

// RoundTrip writes text and reads it back, within the limit, and says how long that took.
func RoundTrip(c net.Conn, text string, limit time.Duration) (time.Duration, error) {
	began := time.Now()
	if err := c.SetDeadline(began.Add(limit)); err != nil {
		return 0, err
	}
	if _, err := io.WriteString(c, text); err != nil {
		return time.Since(began), err
	}
	got := make([]byte, len(text))
	if _, err := io.ReadFull(c, got); err != nil {
		return time.Since(began), err
	}
	if string(got) != text {
		return time.Since(began), fmt.Errorf("echo of %q is %q", text, got)
	}
	return time.Since(began), nil
}

// TimedOut says whether err is that of a deadline.
func TimedOut(err error) bool {
	var ne net.Error
	return errors.As(err, &ne) && ne.Timeout()
}

// Leaked gives the stacks of this module's goroutines that are still there after the time.
func Leaked(wait time.Duration) string {
	for end := time.Now().Add(wait); ; time.Sleep(20 * time.Millisecond) {
		buf := make([]byte, 1<<20)
		var left []string
		for _, s := range strings.Split(string(buf[:runtime.Stack(buf, true)]), "\n\n")[1:] {
			if strings.Contains(s, "gauntlet/") {
				left = append(left, s)
			}
		}
		if len(left) == 0 || time.Now().After(end) {
			return strings.Join(left, "\n\n")
		}
	}
}
