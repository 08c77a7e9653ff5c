package score

import (
	"testing"
	"time"

	"gauntlet/experiments/history"
	"gauntlet/experiments/probe"
)

func depthAt(second, n int) probe.Point {
	return probe.Point{Metric: probe.QueueDepth, Target: "jobs.work", At: time.Duration(second) * time.Second, Value: float64(n)}
}

func TestDrainOfABacklog(t *testing.T) {
	for _, c := range []struct {
		name  string
		depth []int // each second
		want  float64
		known bool
	}{
		{"worked off", []int{0, 500, 2000, 1500, 600, 99, 150, 0}, 3, true},
		{"a second, higher one", []int{0, 500, 0, 800, 400, 50}, 2, true},
		{"not within the recording", []int{0, 500, 2000, 1500, 100}, 0, false},
		{"never many", []int{0, 5, 3}, 0, true},
	} {
		var pts []probe.Point
		for i, n := range c.depth {
			pts = append(pts, depthAt(i, n))
		}
		got := Measure{}.ofQueue("queue_drain", backlogOf(pts...))
		if got.Known != c.known || got.Value.Value != c.want {
			t.Errorf("%s: %+v, want %g known %v", c.name, got, c.want, c.known)
		}
	}
	if got := (Measure{}).ofQueue("queue_drain", points{}); got.Known {
		t.Errorf("nobody read the queue: %+v", got)
	}
}

func TestAgeOfTheOldestJob(t *testing.T) {
	p := backlogOf(depthAt(1, 10), probe.Point{Metric: probe.JobAge, Value: 90}, probe.Point{Metric: probe.JobAge, Value: 3})
	if got := (Measure{}).ofQueue("job_age", p); !got.Known || got.Value.Value != 90 {
		t.Errorf("job_age = %+v, want 90 s", got)
	}
	h := &history.History{Header: history.Header{Roles: []string{"rabbitmq-leader"}}}
	if part := pressurePart(h, p); part.X != 90 {
		t.Errorf("pressure = %+v, want that of 90 s", part)
	}
	if got := (Measure{}).ofQueue("job_age", backlogOf(depthAt(1, 10))); got.Known {
		t.Errorf("nobody looked: %+v, want unknown", got)
	}
}

// A second's fetches are those of all nodes, each of which tells its own once.
func TestLoadsAreSummedOverTheNodes(t *testing.T) {
	var p points
	for _, c := range []struct {
		at    time.Duration
		value float64
	}{{1100 * time.Millisecond, 20}, {1200 * time.Millisecond, 30}, {2100 * time.Millisecond, 45}} {
		p.loaded(probe.Point{Metric: probe.CacheLoads, At: c.at, Value: c.value})
	}
	if got := (Measure{}).ofLoads(p); !got.Known || got.Value.Value != 50 {
		t.Errorf("cache_loads = %+v, want 50", got)
	}
	if got := (Measure{}).ofLoads(points{}); got.Known {
		t.Errorf("nobody said: %+v, want unknown", got)
	}
}

// What an autoscaler made comes and goes; what happens to the others is somebody's doing.
func TestAutoscaledContainersAreNoStrangers(t *testing.T) {
	h := &history.History{Engine: []history.EngineEvent{
		{Container: "worker1-2", Action: "start", At: time.Second, ScaledBy: "autoscaler"},
		{Container: "worker1-2", Action: "die", At: 2 * time.Second, ScaledBy: "autoscaler"},
	}}
	if got := strangers(h); len(got) != 0 {
		t.Errorf("doubts: %v", got)
	}
	h.Engine = append(h.Engine, history.EngineEvent{Container: "worker1", Action: "die", At: 3 * time.Second})
	if got := strangers(h); len(got) != 1 {
		t.Errorf("doubts: %v, want one about worker1", got)
	}
}
