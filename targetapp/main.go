package targetapp

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"

	"gauntlet/targetapp/autoscaler"
	"gauntlet/targetapp/check"
	"gauntlet/targetapp/logs"
	"gauntlet/targetapp/seed"
	"gauntlet/targetapp/web"
	"gauntlet/targetapp/worker"
)

// ErrUsage says that the role or its arguments are wrong.
var ErrUsage = errors.New("usage: app web | app worker | app autoscaler | app seed | app dead [replay] | app check URL")

// memoryLimit is what the collector aims to stay under, in bytes of Go heap and stacks; RSS stays below 64 MiB.
const memoryLimit = 44 << 20

// Main runs the role args[0] until it is done or ctx ends. env looks up the APP_ variables. It returns nil after a
// clean stop, ErrUsage for a role that does not exist, and otherwise what went wrong.
func Main(ctx context.Context, args []string, env func(string) string) error {
	if len(args) == 0 {
		return fmt.Errorf("no role given: %w", ErrUsage)
	}
	log := logs.New(os.Stdout, "targetapp-"+args[0], env("APP_NAME"))
	switch {
	case args[0] == "web" && len(args) == 1:
		if env("GOMEMLIMIT") == "" {
			debug.SetMemoryLimit(memoryLimit)
		}
		return web.Run(ctx, env, log)
	case args[0] == "worker" && len(args) == 1:
		if env("GOMEMLIMIT") == "" {
			debug.SetMemoryLimit(memoryLimit)
		}
		return worker.Run(ctx, env, log)
	case args[0] == "autoscaler" && len(args) == 1:
		return autoscaler.Run(ctx, env, log)
	case args[0] == "dead" && len(args) <= 2 && (len(args) == 1 || args[1] == "replay"):
		return worker.Laid(ctx, env, len(args) == 2, os.Stdout)
	case args[0] == "seed" && len(args) == 1:
		return seed.Run(ctx, env, log)
	case args[0] == "check" && len(args) == 2:
		return check.URL(ctx, args[1])
	}
	return fmt.Errorf("unknown role or arguments %q: %w", args, ErrUsage)
}
