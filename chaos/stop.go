package chaos

import (
	"context"
	"fmt"
	"time"
)

// Stop is an operator's graceful stop: the container's stop signal, then SIGKILL after Timeout. It stays down until healed.
type Stop struct {
	Timeout time.Duration // how long the process may take to end by itself, 1 s to 1 min
}

// Stopper is a Runtime that can stop a container gracefully.
type Stopper interface {
	// Stop asks the container to end and kills it after the timeout. It returns when the process was seen to be gone.
	Stop(ctx context.Context, id string, timeout time.Duration) (Effect, error)
}

// Kind is "stop".
func (*Stop) Kind() string { return "stop" }

// Check refuses a timeout outside of 1 s to 1 min.
func (s *Stop) Check() error {
	if s.Timeout < time.Second || s.Timeout > time.Minute {
		return fmt.Errorf("%w: stop: timeout %s: write 1s to 1m", ErrBadStep, s.Timeout)
	}
	return nil
}

// Settles is the timeout: until then the process may still be ending.
func (s *Stop) Settles() time.Duration { return s.Timeout }

// Holds says whether the container is still down.
func (*Stop) Holds(c Container) bool { return c.State == Exited }

// Inject stops all targets at once. It is ErrUnsupported on a Runtime that is no Stopper.
func (s *Stop) Inject(ctx context.Context, rt Runtime, on []Container) (Effect, Heal, error) {
	stopper, ok := Power[Stopper](rt)
	if !ok {
		return Effect{}, nil, fmt.Errorf("stop: %w", ErrUnsupported)
	}
	return disturb(ctx, rt, on, func(ctx context.Context, c Container) (Effect, error) { return stopper.Stop(ctx, c.ID, s.Timeout) })
}
