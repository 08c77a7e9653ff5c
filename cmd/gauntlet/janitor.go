package main

import (
	"time"

	"github.com/spf13/cobra"

	"gauntlet/chaos/janitor"
	"gauntlet/chaos/lease"
)

// janitorCommand is what Gauntlet runs in a container of its own, which heals if Gauntlet dies.
func janitorCommand() *cobra.Command {
	var record string
	var term time.Duration
	cmd := &cobra.Command{
		Use:    "janitor [--record FILE]",
		Short:  "Heal what a Gauntlet that dies leaves behind; Gauntlet runs this in a container and talks to it over standard input",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE:   func(cmd *cobra.Command, _ []string) error { return janitor.Main(cmd.Context(), record, term) },
	}
	cmd.Flags().StringVar(&record, "record", "", "file that what it does is added to")
	cmd.Flags().DurationVar(&term, "lease", lease.Default, "how long Gauntlet may be silent")
	return cmd
}
