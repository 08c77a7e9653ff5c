package run

import (
	"testing"
	"time"

	"gauntlet/experiments/spec"
	"gauntlet/loadgen"
)

func TestVigilWaitsForAFullWindowAndItsAnswers(t *testing.T) {
	v := newVigil(loadgen.Profile{Limit: 500 * time.Millisecond, Ops: []loadgen.Op{{Name: "feed", Class: "read"}, {Name: "create", Class: "write"}}})
	for at := range 20 {
		due := time.Duration(at) * time.Second
		v.sample(loadgen.Sample{Op: "feed", Class: "read", Due: due, End: due + 10*time.Millisecond, Out: loadgen.OK})
		write := loadgen.Sample{Op: "create", Class: "write", Due: due, End: due + 20*time.Millisecond, Out: loadgen.OK}
		if at >= 10 {
			write.Out = loadgen.Fail
		}
		v.sample(write)
	}
	const from, over, timeout = 10 * time.Second, 5 * time.Second, time.Second
	if _, ok := v.window("write", from, 15*time.Second, over, timeout); ok {
		t.Error("the window is full although 1 s of it lies before the first step")
	}
	got, ok := v.window("write", from, 16*time.Second, over, timeout)
	if !ok || got.all != 5 || got.good != 0 {
		t.Errorf("window = %+v, %v; want 5 writes, none good", got, ok)
	}
	if got, _ := v.window("", from, 16*time.Second, over, timeout); got.all != 10 || got.good != 5 {
		t.Errorf("all classes: %+v; want 5 good of 10", got)
	}
	if got, _ := v.window("read", from, 16*time.Second, over, timeout); got.p99() != 10*time.Millisecond {
		t.Errorf("p99 = %s, want 10ms", got.p99())
	}
}

func TestBeyond(t *testing.T) {
	bound := 0.5
	for _, c := range []struct {
		a    spec.Abort
		x    float64
		want bool
	}{
		{spec.Abort{Below: &bound}, 0.4, true}, {spec.Abort{Below: &bound}, 0.5, false},
		{spec.Abort{Above: &bound}, 0.6, true}, {spec.Abort{Above: &bound}, 0.5, false},
	} {
		if got := beyond(c.a, c.x); got != c.want {
			t.Errorf("beyond(%+v, %g) = %v", c.a, c.x, got)
		}
	}
}
