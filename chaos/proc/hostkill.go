package proc

import (
	"fmt"
	"os"
	"strconv"
)

// HostKill is the whole work of a short container that shares the host's PID namespace. Its arguments are a host PID, the id of
// the container that it must belong to, the signal's name (default SIGKILL) and a command name (default: the first process
// itself). A Gauntlet that is not root uses it to signal a process.
func HostKill(args []string) error {
	if len(args) < 2 || len(args) > 4 {
		return fmt.Errorf("want a host PID, a container id, and perhaps a signal and a command name; got %d arguments", len(args))
	}
	pid, err := strconv.Atoi(args[0])
	if err != nil {
		return fmt.Errorf("host PID: %w", err)
	}
	if pid <= 1 || pid == os.Getpid() {
		return fmt.Errorf("refused to signal PID %d", pid)
	}
	signal, command := "SIGKILL", ""
	if len(args) > 2 {
		signal = args[2]
	}
	if len(args) > 3 {
		command = args[3]
	}
	p, err := Find(pid, args[1])
	if err != nil {
		return err
	}
	return p.Send(signal, command)
}
