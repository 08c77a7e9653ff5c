package score

import (
	"testing"
	"time"

	"gauntlet/experiments/history"
	"gauntlet/experiments/probe"
)

func TestContainers(t *testing.T) {
	s := newSynth(load{class: "read", rate: 50}).step("kill", "", 20*time.Second, 30*time.Second, "db1")
	point := func(metric, target string, at time.Duration, value float64) {
		s.add(history.Event{Point: &probe.Point{Metric: metric, Target: target, At: at, Value: value}})
	}
	point(probe.ContainerCPU, "web1", 12*time.Second, 100) // before what is judged
	for i, cpu := range []float64{0.2, 0.6} {
		at := time.Duration(25+5*i) * time.Second
		point(probe.ContainerCPU, "web1", at, cpu)
		point(probe.ContainerMemory, "web1", at, 1e6*(2-float64(i)))
		point(probe.ContainerReceived, "web1", at, 100*float64(i))
		point(probe.ContainerCPU, "db1", at, 0.9)
	}
	s.add(history.Event{Engine: &history.EngineEvent{Container: "db1", Action: "start", At: 31 * time.Second}})
	got := s.score(t).Containers
	want := []ContainerUse{{Name: "db1", CPU: 0.9, CPUMax: 0.9, Starts: 1}, {Name: "web1", CPU: 0.4, CPUMax: 0.6, Memory: 2e6, Received: 50}}
	if len(got) != 2 || got[0] != want[0] || got[1] != want[1] {
		t.Errorf("%+v, want %+v", got, want)
	}
}
