package main

import (
	"os"

	"github.com/spf13/cobra"

	"gauntlet/chaos/agent/resource"
)

// resourceChildCommand is what an agent starts in a target's cgroup to use up CPU or memory there.
func resourceChildCommand() *cobra.Command {
	return &cobra.Command{
		Use:    resource.ChildVerb + " burn|hold|pile AMOUNT PID",
		Short:  "Use up CPU or memory until the agent or the target ends; the fault injector runs this in the target's cgroup",
		Hidden: true,
		Args:   cobra.ExactArgs(3),
		RunE: func(cmd *cobra.Command, args []string) error {
			return resource.Child(cmd.Context(), args, os.Stdin, os.Stdout)
		},
	}
}
