package chaostest

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"testing"
	"time"
)

// Main is what a package's TestMain hands to os.Exit: it runs the tests, then fails if goroutines were left behind.
func Main(m *testing.M) int {
	code := m.Run()
	if left := leaked(5 * time.Second); left != "" {
		fmt.Fprintf(os.Stderr, "goroutines left behind by the tests:\n%s\n", left)
		return max(code, 1)
	}
	return code
}

// leaked waits until only this goroutine and those of the runtime are left, and returns the stacks of the others if they stay.
func leaked(wait time.Duration) string {
	for deadline := time.Now().Add(wait); ; time.Sleep(20 * time.Millisecond) {
		others := otherStacks()
		if others == "" || time.Now().After(deadline) {
			return others
		}
	}
}

func otherStacks() string {
	buf := make([]byte, 1<<20)
	buf = buf[:runtime.Stack(buf, true)]
	var out []byte
	for i, stack := range bytes.Split(buf, []byte("\n\n")) {
		// The first is the caller; os/signal keeps one goroutine for as long as the process lives.
		if i > 0 && !bytes.Contains(stack, []byte("os/signal.signal_recv")) {
			out = append(append(out, stack...), "\n\n"...)
		}
	}
	return string(out)
}
