package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"gauntlet/experiments/spec"
)

func validateCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "validate EXPERIMENT...",
		Short: "Check experiment files and say all that is wrong with them",
		Example: `  gauntlet validate experiments/primary-kill.yaml
  gauntlet validate experiments/`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			var errs []error
			for _, arg := range args {
				all, err := spec.LoadAll(arg)
				errs = append(errs, err)
				for _, e := range all {
					fmt.Printf("%s: ok: %d steps, %d goals, %s under load on %s\n", e.Name, len(e.Steps), len(e.Goals), e.Length(), e.Topology)
				}
			}
			return errors.Join(errs...)
		},
	}
}
