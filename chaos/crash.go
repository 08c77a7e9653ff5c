package chaos

import "context"

// Crash is a process that dies by itself: SIGKILL to the container's first process from outside the engine, so that the
// restart policy acts as in production. Healing makes sure that the container runs again, also without a policy.
//
// Note: the engine's own kill is not a crash. It marks the container as stopped by hand, and no policy restarts it.
type Crash struct{}

// Kind is "crash".
func (*Crash) Kind() string { return "crash" }

// Inject crashes all targets at once.
func (*Crash) Inject(ctx context.Context, rt Runtime, on []Container) (Effect, Heal, error) {
	return disturb(ctx, rt, on, func(ctx context.Context, c Container) (Effect, error) { return rt.Crash(ctx, c.ID) })
}
