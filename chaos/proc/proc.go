package proc

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// ErrNotHere means that this host's /proc does not show the process as one of that container.
var ErrNotHere = errors.New("process is not visible from here")

// Process is the first process of a container, found on this host.
type Process struct {
	PID     int
	id      string // of the container
	root    string // "/" or, in tests, a folder that looks like it
	started string // start time in ticks since boot: tells processes that had the same PID apart
	cgroups string // content of /proc/PID/cgroup
}

// Find returns the process if it is a living one of the container, else ErrNotHere.
func Find(pid int, container string) (*Process, error) { return find("/", pid, container) }

func find(root string, pid int, container string) (*Process, error) {
	p := &Process{PID: pid, id: container, root: root}
	cgroups, err := os.ReadFile(p.file("cgroup"))
	if err != nil || pid <= 0 || container == "" {
		return nil, fmt.Errorf("PID %d: %w", pid, ErrNotHere)
	}
	p.cgroups = string(cgroups)
	if !strings.Contains(p.cgroups, container) {
		return nil, fmt.Errorf("PID %d belongs to something else than container %.12s: %w", pid, container, ErrNotHere)
	}
	state, started, err := p.stat()
	if err != nil || dead(state) {
		return nil, fmt.Errorf("PID %d: %w", pid, ErrNotHere)
	}
	p.started = started
	return p, nil
}

func (p *Process) file(name string) string {
	return filepath.Join(p.root, "proc", strconv.Itoa(p.PID), name)
}

// stat reads the state and the start time: fields 3 and 22 of /proc/PID/stat, see proc(5). Field 2 is a name in brackets that
// may itself hold blanks and brackets, so counting begins after the last one.
func (p *Process) stat() (state, started string, err error) {
	text, err := os.ReadFile(p.file("stat"))
	if err != nil {
		return "", "", err
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	if len(fields) < 20 {
		return "", "", fmt.Errorf("%s: %d fields after the name, want 20 or more", p.file("stat"), len(fields))
	}
	return fields[0], fields[19], nil
}

// dead says whether a process in that state runs no more: zombie or dead.
func dead(state string) bool { return state == "Z" || state == "X" || state == "x" }

// Ended says whether the process is gone: no entry, a zombie, or another process with the same PID.
func (p *Process) Ended() (bool, error) {
	state, started, err := p.stat()
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	return dead(state) || started != p.started, nil
}

// Kill sends SIGKILL.
func (p *Process) Kill() error { return p.signal(syscall.SIGKILL) }

// signal can't hit a later process with the same PID: the handle is taken before the process is checked, and on Linux 5.3 and
// later the handle is the process, not its number.
func (p *Process) signal(sig syscall.Signal) error {
	handle, err := os.FindProcess(p.PID)
	if err != nil {
		return fmt.Errorf("PID %d: %w", p.PID, err)
	}
	defer func() { _ = handle.Release() }()
	if ended, err := p.Ended(); err != nil || ended {
		return errors.Join(fmt.Errorf("PID %d: %w", p.PID, os.ErrProcessDone), err)
	}
	if err := handle.Signal(sig); err != nil {
		return fmt.Errorf("PID %d: %w", p.PID, err)
	}
	return nil
}

// Frozen says whether the container's cgroup is frozen, on cgroup v1 and v2. ErrNotHere if that can't be seen.
func (p *Process) Frozen() (bool, error) {
	file, frozen := p.freezer()
	text, err := os.ReadFile(file)
	if err != nil {
		return false, fmt.Errorf("freezer of PID %d: %w: %w", p.PID, ErrNotHere, err)
	}
	return strings.Contains(string(text), frozen), nil
}

// freezer is the file that shows whether the process is frozen, and the text in it that says yes.
func (p *Process) freezer() (file, frozen string) {
	folder, v2 := p.cgroup("freezer")
	if v2 {
		return filepath.Join(folder, "cgroup.events"), "frozen 1"
	}
	return filepath.Join(folder, "freezer.state"), "FROZEN"
}
