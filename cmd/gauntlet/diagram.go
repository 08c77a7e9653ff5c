package main

import (
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"gauntlet/compose"
)

func diagramCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "diagram TOPOLOGY",
		Short: "Draw a topology from its files, as a flowchart for Mermaid",
		Long: `Draw a topology from its files, as a flowchart for Mermaid, which GitHub, GitLab and https://mermaid.live show.

There is a box for each tier, in each region and shard, and an arrow from a tier to one whose addresses it has been told.`,
		Example: `  gauntlet diagram queued
  gauntlet diagram multiregion > multiregion.mmd`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return diagram(os.Stdout, args[0]) },
	}
}

func diagram(w io.Writer, name string) error {
	t, err := compose.Lookup(name)
	if err != nil {
		return err
	}
	text, err := t.Diagram()
	if err != nil {
		return err
	}
	_, err = fmt.Fprint(w, text)
	return err
}
