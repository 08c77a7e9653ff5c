package proc

import (
	"fmt"
	"os"
	"runtime"
)

// crowd is how many threads for each processor are too many. It is chosen, not measured: 80 were seen when a region of twenty containers was
// killed and a process that lived was silent for more than 1.5 s.
const crowd = 8

// Overwhelmed says whether so many threads want to run on this machine, as /proc/loadavg counts them, that one may be late by seconds. It is
// false where that can't be told.
func Overwhelmed() bool {
	text, err := os.ReadFile("/proc/loadavg")
	return err == nil && running(string(text)) > crowd*runtime.NumCPU()
}

// running is how many threads run or could: the fourth word of /proc/loadavg, as in "0.20 0.18 0.12 1/80 11206".
func running(loadavg string) int {
	var load [3]float64
	var now, all int
	if n, err := fmt.Sscanf(loadavg, "%f %f %f %d/%d", &load[0], &load[1], &load[2], &now, &all); err != nil || n != 5 {
		return 0
	}
	return now
}
