package targetapp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"gauntlet/targetapp/autoscaler"
	"gauntlet/targetapp/check"
	"gauntlet/targetapp/gate"
	"gauntlet/targetapp/logs"
	"gauntlet/targetapp/region"
	"gauntlet/targetapp/reshard"
	"gauntlet/targetapp/seed"
	"gauntlet/targetapp/syncer"
	"gauntlet/targetapp/tracing"
	"gauntlet/targetapp/wan"
	"gauntlet/targetapp/web"
	"gauntlet/targetapp/worker"
)

// ErrUsage says that the role or its arguments are wrong.
var ErrUsage = errors.New("usage: app web | app worker | app autoscaler | app seed | app sync | app region | app gate | app wan | app dead [replay] | app reshard ... | app check URL")

// memoryLimit is what the collector aims to stay under, in bytes of Go heap and stacks; RSS stays below 64 MiB.
const memoryLimit = 44 << 20

// flushLimit bounds the writing of spans at the end.
const flushLimit = time.Second

// Main runs the role args[0] until it is done or ctx ends. env looks up the APP_ variables. It returns nil after a
// clean stop, ErrUsage for a role that does not exist, and otherwise what went wrong.
func Main(ctx context.Context, args []string, env func(string) string) error {
	if len(args) == 0 {
		return fmt.Errorf("no role given: %w", ErrUsage)
	}
	log := logs.New(os.Stdout, service(args[0]), env("APP_NAME"))
	switch {
	case args[0] == "web" && len(args) == 1:
		return serve(ctx, args[0], env, log, web.Run)
	case args[0] == "worker" && len(args) == 1:
		return serve(ctx, args[0], env, log, worker.Run)
	case args[0] == "autoscaler" && len(args) == 1:
		return serve(ctx, args[0], env, log, autoscaler.Run)
	case args[0] == "sync" && len(args) == 1:
		return serve(ctx, args[0], env, log, syncer.Run)
	case args[0] == "dead" && len(args) <= 2 && (len(args) == 1 || args[1] == "replay"):
		return worker.Laid(ctx, env, len(args) == 2, os.Stdout)
	case args[0] == "reshard":
		return reshard.Run(ctx, args[1:], env, os.Stdout)
	case args[0] == "seed" && len(args) == 1:
		return seed.Run(ctx, env, log)
	case args[0] == "region" && len(args) == 1:
		return region.Run(ctx, env, log)
	case args[0] == "gate" && len(args) == 1:
		return gate.Run(ctx, env, log)
	case args[0] == "wan" && len(args) == 1:
		return wan.Run(ctx, env, log)
	case args[0] == "check" && len(args) == 2:
		if addr, ok := strings.CutPrefix(args[1], "tcp://"); ok {
			return check.TCP(ctx, addr)
		}
		return check.URL(ctx, args[1])
	}
	return fmt.Errorf("unknown role or arguments %q: %w", args, ErrUsage)
}

// serve runs a role that serves for long: within the memory that it has, and followed by traces.
func serve(ctx context.Context, role string, env func(string) string, log *slog.Logger, run func(context.Context, func(string) string, *slog.Logger) error) error {
	if env("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryLimit)
	}
	cfg, err := tracing.ReadConfig(env)
	if err != nil {
		return err
	}
	stop, err := tracing.Start(ctx, cfg, service(role), env("APP_NAME"), os.Stdout)
	if err != nil {
		return err
	}
	err = run(ctx, env, log)
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushLimit)
	defer cancel()
	if late := stop(end); late != nil {
		log.LogAttrs(end, slog.LevelWarn, "the last spans are lost: "+late.Error())
	}
	return err
}

// service is what logs and traces call a role.
func service(role string) string { return "targetapp-" + role }
