// Package exclusive lets tests of different packages, which go test runs side by side, take turns on this machine: those that
// start containers and those that measure times would spoil each other's results.
package exclusive

import (
	"net"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// turnPort is the lock: who listens on it has the turn, and the kernel frees it when the process ends, however it ends.
const turnPort = "127.0.0.1:17999"

// patience bounds the wait for a turn; something else may hold the port.
const patience = 25 * time.Minute

// Turn waits until no other test has the turn and keeps it until t ends.
func Turn(t testing.TB) {
	t.Helper()
	release := Acquire()
	t.Cleanup(release)
}

// Acquire is Turn for a whole package, from its TestMain: call what it returns when its tests have ended.
func Acquire() (release func()) {
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(200 * time.Millisecond) {
		if l, err := net.Listen("tcp", turnPort); err == nil {
			return func() { _ = l.Close() }
		}
	}
	return func() {}
}

// How long the machine must be calm: tests that take no turns pause for some seconds themselves, so the first of a process waits
// longer than those after it, which only outwait what the one before them left.
const (
	calmSeconds  = 8
	calmedBefore = 3
)

// calmed says that a test of this process has found the machine calm for calmSeconds.
var calmed atomic.Bool

// Quiet is Turn, and then waits until most of the processors have been idle for calmSeconds: compilers and the tests that
// take no turns have ended. Where that can't be known, or if it never comes true within limit, it goes on.
func Quiet(t testing.TB, limit time.Duration) {
	t.Helper()
	Turn(t)
	calm, enough := 0, calmSeconds
	if calmed.Load() {
		enough = calmedBefore
	}
	for deadline := time.Now().Add(limit); calm < enough && time.Now().Before(deadline); {
		before, ok := idle()
		time.Sleep(time.Second)
		after, _ := idle()
		if !ok {
			return
		}
		if calm++; share(before, after) < 0.7 {
			calm = 0
		}
	}
	if calm < enough {
		t.Logf("this machine has not been quiet for %s; results may be unknown", limit)
		return
	}
	calmed.Store(true)
}

// jiffies are the processors' times from the kernel.
type jiffies struct{ idle, total float64 }

// idle reads the first line of /proc/stat: user nice system idle iowait irq softirq steal.
func idle() (jiffies, bool) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return jiffies{}, false
	}
	line, _, _ := strings.Cut(string(text), "\n")
	var j jiffies
	for i, field := range strings.Fields(line)[1:] {
		x, _ := strconv.ParseFloat(field, 64)
		if i == 3 || i == 4 {
			j.idle += x
		}
		if i < 8 {
			j.total += x
		}
	}
	return j, true
}

// share is the idle share in [0,1] between two readings.
func share(before, after jiffies) float64 {
	if after.total <= before.total {
		return 0
	}
	return (after.idle - before.idle) / (after.total - before.total)
}
