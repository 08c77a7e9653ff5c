package score

import (
	"testing"

	"gauntlet/experiments/history"
	"gauntlet/experiments/probe"
)

func backlogOf(pts ...probe.Point) points {
	var p points
	for _, pt := range pts {
		p.queue.add(pt)
	}
	return p
}

func TestBacklogIsTheSumOfAllQueues(t *testing.T) {
	p := backlogOf(
		probe.Point{Metric: probe.QueueDepth, Target: "outbox", Value: 100},
		probe.Point{Metric: probe.QueueDepth, Target: "jobs.work", Value: 400},
		probe.Point{Metric: probe.QueueDepth, Target: "outbox", Value: 0},
		probe.Point{Metric: probe.QueueDepth, Target: "jobs.work", Value: 450},
		probe.Point{Metric: probe.QueueAge, Target: "outbox", Value: 3},
	)
	if !p.queue.known || p.queue.depth != 500 || p.queue.age != 3 {
		t.Errorf("backlog = %+v, want 500 jobs and 3 s", p.queue)
	}
}

func TestPressureIsTheWorstOfWhatPilesUp(t *testing.T) {
	both := &history.History{Header: history.Header{Roles: []string{"postgres-replica", "rabbitmq-leader"}}}
	deep := backlogOf(probe.Point{Metric: probe.QueueDepth, Target: "jobs.work", Value: 1000})
	deep.known, deep.peak = true, 0.1
	if p := pressurePart(both, deep); !p.Known || p.X != 1000 || p.Utility.Value != utility(1000, depthThreshold) {
		t.Errorf("pressure = %+v, want that of 1000 jobs", p)
	}
	lagging := backlogOf(probe.Point{Metric: probe.QueueDepth, Target: "jobs.work", Value: 1})
	lagging.known, lagging.peak = true, 9
	if p := pressurePart(both, lagging); !p.Known || p.X != 9 {
		t.Errorf("pressure = %+v, want that of 9 s", p)
	}
	if p := pressurePart(both, points{known: true}); !p.Applicable || p.Known {
		t.Errorf("pressure = %+v, want it unknown: nobody read the queue", p)
	}
	if p := pressurePart(&history.History{}, points{}); p.Applicable {
		t.Errorf("pressure = %+v, want it not to apply", p)
	}
}

func TestBusyWebNodesArePressure(t *testing.T) {
	for _, c := range []struct{ share, want float64 }{{0, 1}, {0.3, 1}, {0.6, 0.6}, {0.8, 0.3}, {1, 0}} {
		if got := cpuUtility(c.share); got < c.want-1e-9 || got > c.want+1e-9 {
			t.Errorf("utility of %g = %g, want %g", c.share, got, c.want)
		}
	}
	p := points{known: true}
	for _, v := range []float64{0.7, 0.9} {
		p.busy(probe.Point{Metric: probe.WebCPU, Target: "web1", Value: v})
	}
	p.busy(probe.Point{Metric: probe.WebCPU, Target: "web2", Value: 0.1})
	h := &history.History{Header: history.Header{Roles: []string{"postgres-replica"}}}
	if got := pressurePart(h, p); got.X < 0.79 || got.X > 0.81 {
		t.Errorf("pressure = %+v, want the mean of the busiest", got)
	}
}
