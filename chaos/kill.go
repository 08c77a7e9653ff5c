package chaos

import "context"

// Kill is the loss of a node: SIGKILL through the engine, which then keeps the container down whatever its restart policy.
// It stays down until healed; healing starts it again.
type Kill struct{}

// Kind is "kill".
func (*Kill) Kind() string { return "kill" }

// Holds says whether the container is still down.
func (*Kill) Holds(c Container) bool { return c.State == Exited }

// Inject kills all targets at once.
func (*Kill) Inject(ctx context.Context, rt Runtime, on []Container) (Effect, Heal, error) {
	return disturb(ctx, rt, on, func(ctx context.Context, c Container) (Effect, error) { return rt.SetState(ctx, c.ID, Exited) })
}
