package report

import (
	"testing"
	"time"

	"gauntlet/loadgen"
)

// BenchmarkReadTimeline folds a million samples; memory must not grow with their number.
func BenchmarkReadTimeline(b *testing.B) {
	const n = 1_000_000
	load := func(yield func(loadgen.Sample, error) bool) {
		for i := range n {
			due := time.Duration(i) * 500 * time.Microsecond
			if !yield(loadgen.Sample{Class: "read", Out: loadgen.OK, Due: due, Sent: due, End: due + time.Duration(i%9000)*time.Microsecond}, nil) {
				return
			}
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ReadTimeline(all(minimal()), load); err != nil {
			b.Fatal(err)
		}
	}
}
