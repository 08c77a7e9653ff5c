package main

import (
	"errors"
	"fmt"
	"os"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"gauntlet/chaos"
	"gauntlet/compose"
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

func listCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "List experiments, topologies and kinds of faults",
		Example: `  gauntlet list`,
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
			fmt.Fprintln(w, "EXPERIMENT\tTOPOLOGY\tCLAIM")
			all, err := spec.Catalogue()
			if err != nil {
				return err
			}
			for _, e := range all {
				fmt.Fprintf(w, "%s\t%s\t%s\n", e.Name, e.Topology, e.Claim)
			}
			fmt.Fprintln(w, "\nTOPOLOGY\t\tSUMMARY")
			for _, t := range compose.All() {
				if !t.Mutant {
					fmt.Fprintf(w, "%s\t\t%s\n", t.Name, t.Summary)
				}
			}
			fmt.Fprintln(w, "\nFAULT\t\tWHAT IT DOES")
			for _, k := range chaos.Kinds() {
				fmt.Fprintf(w, "%s\t\t%s\n", k.Name, k.Summary)
			}
			return w.Flush()
		},
	}
}
