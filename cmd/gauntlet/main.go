// Command gauntlet puts scaled systems to the test: it starts a reference architecture in containers, drives it with an
// open-loop load, injects faults, and prints an honest card of what its users would have felt.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

func main() {
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go interrupt(signals, cancel)
	err := rootCommand().ExecuteContext(ctx)
	code := exitCode(ctx, err)
	if err != nil && err.Error() != "" {
		fmt.Fprintln(os.Stderr, "gauntlet:", err)
	}
	os.Exit(code)
}

// interrupt cancels at the first signal. Later ones change nothing: healing and taking down are bounded in time.
func interrupt(signals <-chan os.Signal, cancel context.CancelCauseFunc) {
	for first := true; ; first = false {
		<-signals
		if first {
			fmt.Fprintln(os.Stderr, "\ngauntlet: interrupted: healing and cleaning up; this takes some seconds")
			cancel(errInterrupted)
		} else {
			fmt.Fprintln(os.Stderr, "gauntlet: still healing and cleaning up")
		}
	}
}

func rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "gauntlet",
		Short: "Chaos and load testing for scaled systems, with an honest card",
		Long: `Gauntlet starts a reference architecture in containers, drives it with an open-loop load, injects faults, and says what the
users of that system would have felt: availability, failover time, lost writes, replication lag, against stated goals.

Exit codes: 0 every goal met, 1 a goal missed, 2 unknown, 3 could not run, 130 interrupted.`,
		Example: `  gauntlet run experiments/primary-kill.yaml
  gauntlet list`,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.AddCommand(runCommand(), upCommand(), downCommand(), psCommand(), healCommand(), scoreCommand(), reportCommand(), compareCommand(),
		validateCommand(), listCommand(), diagramCommand(), injectCommand(), loadCommand(), schemaCommand(), appCommand(), hostKillCommand(), agentCommand(), janitorCommand(),
		resourceChildCommand())
	return root
}
