package probe

import (
	"runtime"
	"syscall"
)

// ordinary lets this goroutine wait for a processor as an ordinary process does, whatever the niceness of this process is. Its thread
// ends with it.
func ordinary() {
	runtime.LockOSThread()
	_ = syscall.Setpriority(syscall.PRIO_PROCESS, 0, 0) // of this thread; lowering a priority is always allowed
}
