package run

import (
	"errors"
	"os"
	"runtime"
	"strconv"
	"syscall"
	"testing"
)

func niceness(t *testing.T) map[int]int {
	t.Helper()
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Fatal(err)
	}
	all := map[int]int{}
	for _, task := range tasks {
		id, _ := strconv.Atoi(task.Name()) // digits
		if p, err := syscall.Getpriority(syscall.PRIO_PROCESS, id); err == nil {
			all[20-p]++
		}
	}
	return all
}

// mayRaise tries it on this thread alone.
func mayRaise() error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := syscall.Setpriority(syscall.PRIO_PROCESS, 0, generatorNice); err != nil {
		return err
	}
	return syscall.Setpriority(syscall.PRIO_PROCESS, 0, 0)
}

// All threads go ahead, and none does afterwards.
func TestGoAhead(t *testing.T) {
	before := niceness(t)
	if len(before) != 1 || before[0] == 0 {
		t.Skipf("not tested: threads begin with niceness %v", before)
	}
	err := mayRaise()
	if errors.Is(err, syscall.EACCES) || errors.Is(err, syscall.EPERM) {
		t.Skipf("not tested: this user may not raise priorities: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	undo := goAhead()
	during := niceness(t)
	undo()
	if len(during) != 1 || during[generatorNice] == 0 {
		t.Errorf("niceness %v while ahead, want all at %d", during, generatorNice)
	}
	if after := niceness(t); len(after) != 1 || after[0] == 0 {
		t.Errorf("niceness %v afterwards, want all at 0", after)
	}
}
