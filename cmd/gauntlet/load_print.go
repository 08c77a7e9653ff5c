package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"gauntlet/loadgen/tally"
)

// print prints the summary for people.
func (s loadSummary) print(w io.Writer) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "op\tplanned\tok\tslow\tfail\tunknown\tmissed\tgood\tp50\tp90\tp99\tp99.9\tmax\t")
	for _, r := range s.Ops {
		loadRow(t, r.Op, r)
	}
	if len(s.Ops) > 1 {
		loadRow(t, "all", s.All)
	}
	_ = t.Flush() // to standard output or a buffer; who reads it is gone if it fails
	if len(s.All.Errors) > 0 {
		var kinds []string
		for _, k := range slices.Sorted(maps.Keys(s.All.Errors)) {
			kinds = append(kinds, fmt.Sprintf("%s %d", k, s.All.Errors[k]))
		}
		fmt.Fprintf(w, "not ok: %s\n", strings.Join(kinds, ", "))
	}
	fmt.Fprintf(w, "latencies of the successes, from the due times; the generator's own lag: p99 %s, max %s; %d connections, %.0f %% of this machine's CPU\n",
		shortTime(s.Lag.P99), shortTime(s.Lag.Max), s.Dials, 100*s.CPU)
}

func loadRow(w io.Writer, name string, r tally.Row) {
	l := r.Latency
	fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%.2f %%\t%s\t%s\t%s\t%s\t%s\t\n", name, r.Planned, r.OK, r.Slow, r.Fail, r.Info, r.Missed,
		100*r.Good(), shortTime(l.P50), shortTime(l.P90), shortTime(l.P99), shortTime(l.P999), shortTime(l.Max))
}

// shortTime is a time with three digits.
func shortTime(d time.Duration) string {
	switch {
	case d >= 10*time.Second:
		d = d.Round(100 * time.Millisecond)
	case d >= time.Second:
		d = d.Round(10 * time.Millisecond)
	case d >= 100*time.Millisecond:
		d = d.Round(time.Millisecond)
	case d >= 10*time.Millisecond:
		d = d.Round(100 * time.Microsecond)
	case d >= time.Millisecond:
		d = d.Round(10 * time.Microsecond)
	}
	return d.String()
}

// cpuTime is the CPU time that this process has used.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
