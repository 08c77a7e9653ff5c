package agent

import (
	"context"

	"gauntlet/chaos"
)

// Worker carries out one family of operations in the target. It is called by one goroutine at a time.
type Worker interface {
	// Apply begins what op says under the name id and returns, when it has taken hold, what was done, in words ("nftables: 3
	// peers dropped"). Applying the same id again replaces it. On error nothing of it stays.
	Apply(ctx context.Context, id string, op chaos.Op) (proof string, err error)
	// Check says whether id still holds; nil if it does. It reads back from the kernel or the server, not from memory.
	Check(ctx context.Context, id string) error
	// Clear ends id and proves it by reading back. It is idempotent, and works in a new process too: op is what was applied.
	Clear(ctx context.Context, id string, op chaos.Op) error
	// Close clears everything that this process applied.
	Close() error
}
