package main

import (
	"github.com/spf13/cobra"

	"gauntlet/chaos/proc"
)

// hostKillCommand is what the fault injector runs in a container that sees the host's processes, where Gauntlet itself may
// not kill them.
func hostKillCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "hostkill PID CONTAINER",
		Short:  "Kill a container's first process; the fault injector runs this in a helper container",
		Hidden: true,
		Args:   cobra.MinimumNArgs(1),
		RunE:   func(_ *cobra.Command, args []string) error { return proc.HostKill(args) },
	}
}
