package state

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
)

// replayer is the process of a replica that replays ("startup" in PostgreSQL's words), looked for among the processes that can be
// seen under proc. An agent for slow-replay sees those of its target.
type replayer struct{ proc string }

// startupTitle is what it calls itself: "postgres: startup recovering 000000010000000000000003", with cluster_name in front if set.
var startupTitle = regexp.MustCompile(`^postgres: ([^\s]+: )?startup(\s|$)`)

// Linux's numbers: agents run there only.
const (
	sigContinue = syscall.Signal(18)
	sigStop     = syscall.Signal(19)
)

// errNoReplayer says that there is no such process, or that several servers run side by side.
var errNoReplayer = errors.New("not exactly one process that replays can be seen")

// find is its number, 0 if it can't be told.
func (r replayer) find() int {
	files, _ := filepath.Glob(filepath.Join(r.proc, "[0-9]*", "cmdline"))
	found := 0
	for _, f := range files {
		if !titled(f) {
			continue
		}
		if found != 0 {
			return 0
		}
		found, _ = strconv.Atoi(filepath.Base(filepath.Dir(f)))
	}
	return found
}

func titled(cmdline string) bool {
	text, err := os.ReadFile(cmdline)
	return err == nil && startupTitle.Match(bytes.TrimRight(text, "\x00 "))
}

// signal sends it a signal; the error is errNoReplayer if there is none.
func (r replayer) signal(s syscall.Signal) error {
	pid := r.find()
	if pid == 0 {
		return errNoReplayer
	}
	p, err := os.FindProcess(pid) // holds this very process, so that its number can't become another's
	if err != nil {
		return fmt.Errorf("process %d: %w", pid, err)
	}
	defer func() { _ = p.Release() }()
	if !titled(filepath.Join(r.proc, strconv.Itoa(pid), "cmdline")) {
		return errNoReplayer
	}
	if err := p.Signal(s); err != nil {
		return fmt.Errorf("signal %d to process %d: %w", int(s), pid, err)
	}
	return nil
}

// stopped says whether it is there and stopped by a signal.
func (r replayer) stopped() bool {
	text, err := os.ReadFile(filepath.Join(r.proc, strconv.Itoa(r.find()), "stat"))
	if err != nil {
		return false
	}
	_, after, ok := cutLast(string(text), ") ")
	return ok && strings.HasPrefix(after, "T")
}

// cutLast is strings.Cut at the last occurrence: the name before it may hold anything.
func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}
