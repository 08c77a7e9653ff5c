package chaos

import "context"

// Pause freezes all processes of the targets: sockets stay open, nothing answers. Healing thaws them.
type Pause struct{}

// Kind is "pause".
func (*Pause) Kind() string { return "pause" }

// Holds says whether the container is still frozen.
func (*Pause) Holds(c Container) bool { return c.State == Paused }

// Inject freezes all targets at once.
func (*Pause) Inject(ctx context.Context, rt Runtime, on []Container) (Effect, Heal, error) {
	return disturb(ctx, rt, on, func(ctx context.Context, c Container) (Effect, error) { return rt.SetState(ctx, c.ID, Paused) })
}
