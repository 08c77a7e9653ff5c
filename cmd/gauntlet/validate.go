package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"gauntlet/experiments/spec"
)

func validateCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "validate EXPERIMENT...",
		Short: "Check experiment and load files and say all that is wrong with them",
		Example: `  gauntlet validate experiments/primary-kill.yaml
  gauntlet validate experiments/`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			var errs []error
			for _, arg := range args {
				if text, err := os.ReadFile(arg); err == nil && spec.IsLoad(text) {
					errs = append(errs, validateLoad(arg))
					continue
				}
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

// validateLoad checks a load file of gauntlet load.
func validateLoad(file string) error {
	l, err := spec.ReadLoad(file)
	if err == nil {
		fmt.Printf("%s: ok: a load of %d operations for %s\n", l.Name, len(l.Load.Ops), l.For)
	}
	return err
}
