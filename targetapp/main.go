package targetapp

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"runtime/debug"
	"time"

	"gauntlet/targetapp/logging"
	"gauntlet/targetapp/seed"
	"gauntlet/targetapp/web"
)

// ErrUsage says that the role or its arguments are wrong.
var ErrUsage = errors.New("usage: app web | app seed | app check URL")

const (
	checkLimit  = time.Second
	memoryLimit = 44 << 20 // bytes of Go heap and stacks that the collector aims to stay under; RSS stays below 64 MiB
)

// Main runs the role args[0] until it is done or ctx ends. env looks up the APP_ variables. It returns nil after a
// clean stop, ErrUsage for a role that does not exist, and otherwise what went wrong.
func Main(ctx context.Context, args []string, env func(string) string) error {
	if len(args) == 0 {
		return fmt.Errorf("no role given: %w", ErrUsage)
	}
	log := logging.New(os.Stdout, "targetapp-"+args[0], env("APP_NAME"))
	switch {
	case args[0] == "web" && len(args) == 1:
		if env("GOMEMLIMIT") == "" {
			debug.SetMemoryLimit(memoryLimit)
		}
		return web.Run(ctx, env, log)
	case args[0] == "seed" && len(args) == 1:
		return seed.Run(ctx, env, log)
	case args[0] == "check" && len(args) == 2:
		return check(ctx, args[1])
	}
	return fmt.Errorf("unknown role or arguments %q: %w", args, ErrUsage)
}

// check returns nil if url answers 2xx within a second.
func check(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, checkLimit)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return fmt.Errorf("check %q: %w: %w", url, err, ErrUsage)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("check: %w", err)
	}
	defer res.Body.Close()
	if res.StatusCode/100 != 2 {
		return fmt.Errorf("check %s: answered %s, want 2xx", url, res.Status)
	}
	return nil
}
