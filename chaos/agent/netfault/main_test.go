//go:build linux

package netfault

import (
	"fmt"
	"os"
	"testing"
	"time"

	"gauntlet/chaos/agent/agenttest"
)

// TestMain fails the package if a goroutine is left behind. A child process of TestKilled holds rules instead.
func TestMain(m *testing.M) {
	if os.Getenv(holderEnv) != "" {
		os.Exit(hold())
	}
	code := m.Run()
	if left := agenttest.Leaked(5 * time.Second); left != "" && code == 0 {
		fmt.Fprintln(os.Stderr, "goroutines left behind:\n"+left)
		code = 1
	}
	os.Exit(code)
}
