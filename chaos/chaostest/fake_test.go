package chaostest_test

import (
	"context"
	"os"
	"testing"
	"time"

	"gauntlet/chaos"
	"gauntlet/chaos/chaostest"
)

func TestMain(m *testing.M) { os.Exit(chaostest.Main(m)) }

// idOf is the id of the container that has the name now.
func idOf(ctx context.Context, f *chaostest.Fake, name string) string {
	all, _ := f.List(ctx)
	for _, c := range all {
		if c.Name == name {
			return c.ID
		}
	}
	return ""
}

func TestFakeConforms(t *testing.T) {
	chaostest.Conformance(t, func(*testing.T) chaostest.Bed {
		f := chaostest.NewFake(chaos.Container{Service: "echo", Name: "echo-1", Index: 1}, chaos.Container{Service: "echo", Name: "echo-2", Index: 2})
		f.Restarts("id-echo-1", 50*time.Millisecond)
		f.Restarts("id-echo-2", 50*time.Millisecond)
		set := func(state chaos.State) func(context.Context, string) error {
			return func(ctx context.Context, name string) error { f.Set(idOf(ctx, f, name), state); return nil }
		}
		return chaostest.Bed{
			Runtime: f, Service: "echo",
			Answer: func(ctx context.Context, name string) (string, error) { return f.Answer(idOf(ctx, f, name)) },
			Remove: set(chaos.Gone), Exit: set(chaos.Exited),
		}
	})
}
