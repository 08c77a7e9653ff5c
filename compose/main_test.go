package compose

import (
	"context"
	"os"
	"testing"
	"time"

	"gauntlet/cmd/exclusive"
)

// needsDocker fails the test on a machine without Docker: what can't be tested must not look tested. GAUNTLET_DOCKER=off
// says that this is meant.
func needsDocker(t *testing.T) *Engine {
	t.Helper()
	e := engine(t)
	exclusive.Turn(t)
	return e
}

// engine is needsDocker for tests that start nothing and need no turn.
func engine(t *testing.T) *Engine {
	t.Helper()
	if os.Getenv("GAUNTLET_DOCKER") == "off" {
		t.Skip("GAUNTLET_DOCKER=off: not tested on real containers: " + t.Name())
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	e, err := Check(ctx)
	if err != nil {
		t.Fatalf("%v\n(GAUNTLET_DOCKER=off leaves out the tests that need Docker)", err)
	}
	return e
}

// testPorts is beside the default, so that a topology that someone has up does not disturb the tests.
const testPorts = 21000

// testOptions keep a test's stack apart from those of users. The name is fixed, so that the next test takes down what a test
// that was killed has left.
func testOptions(t *testing.T) Options {
	return Options{Project: "gauntlet-test", PortBase: testPorts, Log: func(line string) { t.Log(line) }}
}

// takeDown makes sure that nothing of the stack outlives the test.
func takeDown(t *testing.T, s *Stack) {
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := s.Down(ctx); err != nil {
			t.Error(err)
		}
	})
}
