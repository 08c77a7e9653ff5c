//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package chaos

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// lockFile takes the file's lock unless another open file has it. The kernel drops the lock when the process ends.
func lockFile(f *os.File) (bool, error) {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("undo log: lock: %w", err)
	}
	return true, nil
}
