package proc

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// signals by name, with Linux's numbers: whatever system this runs on, the containers run on Linux.
var signals = map[string]syscall.Signal{
	"SIGHUP": 1, "SIGINT": 2, "SIGQUIT": 3, "SIGABRT": 6, "SIGKILL": 9, "SIGUSR1": 10, "SIGUSR2": 12, "SIGTERM": 15, "SIGCONT": 18, "SIGSTOP": 19,
}

// Send sends the signal to the oldest process of the same container with that command name; "" means p itself.
func (p *Process) Send(signal, command string) error {
	sig, ok := signals[signal]
	if !ok {
		return fmt.Errorf("%q is no signal that can be sent", signal)
	}
	to := p
	if command != "" {
		var err error
		if to, err = p.sibling(command); err != nil {
			return err
		}
	}
	return to.signal(sig)
}

// sibling finds the oldest process of the same container with that command name.
func (p *Process) sibling(command string) (*Process, error) {
	entries, err := os.ReadDir(filepath.Join(p.root, "proc"))
	if err != nil {
		return nil, err
	}
	var oldest *Process
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		q, err := find(p.root, pid, p.id)
		if err == nil && q.runs(command) && (oldest == nil || q.ticks() < oldest.ticks()) {
			oldest = q
		}
	}
	if oldest == nil {
		return nil, fmt.Errorf("container %.12s has no process %q: %w", p.id, command, os.ErrProcessDone)
	}
	return oldest, nil
}

// ticks is the start time as a number, in ticks since boot.
func (p *Process) ticks() uint64 {
	n, _ := strconv.ParseUint(p.started, 10, 64) // the kernel writes numbers
	return n
}

// runs says whether the process goes by that name: its command name, which the kernel cuts after 15 bytes and programs may change,
// or the file that it was started as.
func (p *Process) runs(command string) bool {
	comm, err := os.ReadFile(p.file("comm"))
	if err == nil && strings.TrimSuffix(string(comm), "\n") == command[:min(15, len(command))] {
		return true
	}
	line, err := os.ReadFile(p.file("cmdline"))
	if err != nil {
		return false
	}
	first, _, _ := strings.Cut(string(line), "\x00")
	return filepath.Base(first) == command
}
