//go:build unix

package lease

import (
	"os"
	"syscall"
)

// pollable is the same file in a form whose Close ends a Read that waits.
func pollable(f *os.File) *os.File {
	fd := int(f.Fd())
	if err := syscall.SetNonblock(fd, true); err != nil {
		return f
	}
	return os.NewFile(uintptr(fd), f.Name())
}
