package main

import (
	"fmt"
	"net"

	"github.com/spf13/cobra"

	"gauntlet/loadgen"
	"gauntlet/loadgen/outpost"
)

// loadClientCommand is what plays clients in a container inside a region's network.
func loadClientCommand() *cobra.Command {
	var listen string
	var at outpost.Place
	cmd := &cobra.Command{
		Use:    "client --base URL",
		Short:  "Send loads on behalf of a run that connects; topologies run this in containers inside a region's network",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			l, err := (&net.ListenConfig{}).Listen(cmd.Context(), "tcp", listen)
			if err != nil {
				return fmt.Errorf("--listen: %w", err)
			}
			defer loadgen.CollectLess()()
			return outpost.Serve(cmd.Context(), l, at)
		},
	}
	fs := cmd.Flags()
	fs.StringVar(&listen, "listen", ":9100", "where runs connect")
	fs.StringVar(&at.Base, "base", "", "URL of the system, whose host is a name")
	fs.StringVar(&at.Resolver, "resolver", "", "name server, such as 10.0.0.53:53")
	return cmd
}
