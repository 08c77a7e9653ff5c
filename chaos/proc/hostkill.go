package proc

import (
	"fmt"
	"os"
	"strconv"
)

// HostKill is the whole work of a short container that shares the host's PID namespace: args are a host PID and the id of the
// container that it must belong to, and it gets SIGKILL. A Gauntlet that is not root uses it to crash a process.
func HostKill(args []string) error {
	if len(args) != 2 {
		return fmt.Errorf("want a host PID and a container id, got %d arguments", len(args))
	}
	pid, err := strconv.Atoi(args[0])
	if err != nil {
		return fmt.Errorf("host PID: %w", err)
	}
	if pid <= 1 || pid == os.Getpid() {
		return fmt.Errorf("refused to kill PID %d", pid)
	}
	p, err := Find(pid, args[1])
	if err != nil {
		return err
	}
	return p.Kill()
}
