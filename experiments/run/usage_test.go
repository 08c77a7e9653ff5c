package run

import (
	"testing"
	"time"

	"gauntlet/compose"
	"gauntlet/experiments/probe"
)

func TestUsagePoints(t *testing.T) {
	start := time.Unix(100, 0)
	before := compose.Usage{CPU: time.Second, Memory: 5, Received: 100, Sent: 10, ReadAt: start}
	now := compose.Usage{CPU: 3 * time.Second, Memory: 7, Received: 500, Sent: 50, ReadAt: start.Add(4 * time.Second)}
	want := map[string]float64{probe.ContainerMemory: 7, probe.ContainerCPU: 0.5, probe.ContainerReceived: 100, probe.ContainerSent: 10}
	got := usagePoints("web1", before, now, true)
	for _, p := range got {
		if p.Value != want[p.Metric] || p.Target != "web1" {
			t.Errorf("%+v, want %g", p, want[p.Metric])
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d points, want %d", len(got), len(want))
	}
	for name, c := range map[string][]probe.Point{
		"first answer":  usagePoints("web1", compose.Usage{}, now, false),
		"started anew":  usagePoints("web1", now, before, true),
		"the same time": usagePoints("web1", now, now, true),
	} {
		if len(c) != 1 || c[0].Metric != probe.ContainerMemory {
			t.Errorf("%s: %+v, want the memory alone", name, c)
		}
	}
}
