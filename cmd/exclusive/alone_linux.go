package exclusive

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// aloneSeconds is how long nothing else of go test's must run: it starts its next compiler, linker or test at once.
const aloneSeconds = 3

// Alone waits until go test runs nothing beside this package, so that no compiler starts in the middle of a measurement: all
// other packages have been tested by then. If that never comes true within limit, or can't be known, it goes on. Take no turn
// before it: those that wait for one would never end.
func Alone(t testing.TB, limit time.Duration) {
	t.Helper()
	parent := os.Getppid()
	if comm, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", parent)); err != nil || strings.TrimSpace(string(comm)) != "go" {
		return
	}
	alone := 0
	for deadline := time.Now().Add(limit); alone < aloneSeconds; time.Sleep(time.Second) {
		if time.Now().After(deadline) {
			t.Logf("other tests have not ended for %s; results may be unknown", limit)
			return
		}
		if alone++; hasSiblings(parent, os.Getpid()) {
			alone = 0
		}
	}
}

// hasSiblings says whether parent has another living child than pid.
func hasSiblings(parent, pid int) bool {
	files, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			continue // it has ended
		}
		// pid (comm) state ppid ...; comm may hold anything, a parenthesis too.
		head, tail, ok := cutLast(string(text), ") ")
		fields := strings.Fields(tail)
		if !ok || len(fields) < 2 || fields[0] == "Z" || fields[1] != fmt.Sprint(parent) {
			continue
		}
		if !strings.HasPrefix(head, fmt.Sprintf("%d ", pid)) {
			return true
		}
	}
	return false
}

// cutLast is strings.Cut at the last occurrence.
func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}
