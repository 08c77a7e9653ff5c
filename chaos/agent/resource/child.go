//go:build linux

package resource

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

// maxCPUs bounds the threads of one child.
const maxCPUs = 1024

// period is how often a thread that burns part of a core goes to sleep.
const period = 20 * time.Millisecond

// errOver ends a child that did its work.
var errOver = errors.New("the target or the worker has ended")

// Child is a process that a worker starts to use up CPU or memory: "burn CORES PID", "hold BYTES PID", or "pile
// BYTES PID" for when memory is to run out, where PID is the target's first process. It says "ready" on out, waits until in says "go" (by then it is in the target's cgroup), begins, says "holding", and
// ends when in or that process ends, or ctx.
func Child(ctx context.Context, args []string, in *os.File, out io.Writer) error {
	if len(args) != 3 {
		return fmt.Errorf("want burn, hold or pile, how much, and a PID; got %d arguments", len(args))
	}
	pid, err := strconv.Atoi(args[2])
	if err != nil {
		return fmt.Errorf("PID: %w", err)
	}
	amount, err := strconv.ParseFloat(args[1], 64)
	if err != nil || !(amount > 0) {
		return fmt.Errorf("amount %q: want a number above 0", args[1])
	}
	work := map[string]func(context.Context, io.Writer, float64) error{"burn": burnCores, "hold": holdMemory, "pile": pileMemory}[args[0]]
	if work == nil {
		return fmt.Errorf("can't %q: want burn, hold or pile", args[0])
	}
	target, err := openProcess(pid)
	if err != nil {
		return fmt.Errorf("target: %w", err)
	}
	defer func() { _ = target.close() }()
	if _, err := fmt.Fprintln(out, "ready"); err != nil {
		return err
	}
	if word, err := bufio.NewReader(in).ReadString('\n'); strings.TrimSpace(word) != "go" {
		return fmt.Errorf("was not told to begin: %w", err)
	}
	all, ctx := errgroup.WithContext(ctx)
	all.Go(func() error { return target.waitEither(ctx, in) })
	all.Go(func() error { return work(ctx, out, amount) })
	if err := all.Wait(); !errors.Is(err, errOver) {
		return err
	}
	return nil
}

// burnCores keeps whole threads busy, each for the same part of the time.
func burnCores(ctx context.Context, out io.Writer, cores float64) error {
	threads := int(math.Ceil(min(cores, maxCPUs)))
	runtime.GOMAXPROCS(threads + 1)
	busy := time.Duration(float64(period) * cores / float64(threads))
	all, ctx := errgroup.WithContext(ctx)
	for range threads {
		all.Go(func() error {
			runtime.LockOSThread()
			for ctx.Err() == nil {
				began := time.Now()
				for time.Since(began) < busy {
				}
				time.Sleep(period - time.Since(began))
			}
			return nil
		})
	}
	_, err := fmt.Fprintln(out, "holding")
	return errors.Join(err, all.Wait())
}
