package run

import (
	"os"
	"strconv"
	"syscall"
)

// generatorNice is this process' niceness while a load lasts, where it may choose: 9 times the share of one at 0.
const generatorNice = -10

// goAhead lets this process go before others that want a processor, as far as it may, until undone. On a machine that it shares with
// the system under test the load generator is then as little late as if it had one of its own; what it uses of the processors stays
// what the schedule asks for. Threads that are born meanwhile inherit it.
func goAhead() (undo func()) {
	before, err := syscall.Getpriority(syscall.PRIO_PROCESS, 0)
	nice := 20 - before // the kernel's answer is never negative
	if err != nil || nice <= generatorNice {
		return func() {}
	}
	setNice(generatorNice)
	return func() { setNice(nice) }
}

// setNice sets the niceness of all threads; on Linux each has its own. Who may not is not told: the load's own lag is measured.
func setNice(nice int) {
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return
	}
	for _, task := range tasks {
		if id, err := strconv.Atoi(task.Name()); err == nil {
			_ = syscall.Setpriority(syscall.PRIO_PROCESS, id, nice)
		}
	}
}
