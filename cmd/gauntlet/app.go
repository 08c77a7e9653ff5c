package main

import (
	"os"

	"github.com/spf13/cobra"

	"gauntlet/targetapp"
)

func appCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "app ROLE [ARG...]",
		Short: "Be a part of the reference app; topologies run this in their containers",
		Long: `App runs one role of the reference app: web, worker, autoscaler, seed, dead [replay] (the dead letters), or check URL (exit 0 if it
answers 2xx). It is configured by environment variables, which the topology files set.`,
		Example: `  gauntlet app check http://127.0.0.1:8080/health`,
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return targetapp.Main(cmd.Context(), args, os.Getenv)
		},
	}
}
