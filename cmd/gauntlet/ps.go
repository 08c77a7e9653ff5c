package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"gauntlet/chaos"
	"gauntlet/compose"
	"gauntlet/experiments/run"
)

func psCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "ps",
		Short:   "Show what runs, who has which role now, and what is disturbed",
		Example: `  gauntlet ps`,
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return ps(cmd.Context()) },
	}
}

func ps(ctx context.Context) error {
	eng, err := compose.Check(ctx)
	if err != nil {
		return err
	}
	stacks, err := eng.Stacks(ctx)
	if err != nil {
		return err
	}
	if len(stacks) == 0 {
		fmt.Println("nothing is running; start something with: gauntlet up replicated")
		return nil
	}
	for _, s := range stacks {
		if err := psStack(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

func psStack(ctx context.Context, s *compose.Stack) error {
	on, err := s.Inventory(ctx)
	if err != nil {
		return err
	}
	disturbed, err := disturbedNow(s.Project)
	if err != nil {
		return err
	}
	fmt.Printf("%s (project %s)\n", s.Topology.Name, s.Project)
	roles, rolesErr := run.Roles(ctx, s.Topology, on)
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "  NAME\tSTATE\tTIER\tREGION\tROLES\tREACH\tDISTURBED")
	for _, c := range on {
		fmt.Fprintf(w, "  %s\t%s\t%s\t%s\t%s\t%s\t%s\n", c.Name, c.State, c.Tier, c.Region, strings.Join(roles[c.Name], ","), reach(c), disturbed[c.Name])
	}
	if rolesErr != nil {
		fmt.Fprintf(w, "  roles are unknown: %v\n", rolesErr)
	}
	return w.Flush()
}

// disturbedNow says, by name, which fault holds a container according to the undo log, and since when.
func disturbedNow(project string) (map[string]string, error) {
	j, err := chaos.PeekJournal(undoDir(), project)
	if err != nil {
		return nil, err
	}
	defer j.Close()
	open, _, err := j.Open()
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	for _, in := range open {
		for _, t := range in.Targets() {
			out[t.Name] = fmt.Sprintf("%s for %s", in.Kind, time.Since(in.At).Round(time.Second))
		}
	}
	return out, nil
}

// reach lists a container's published ports.
func reach(c compose.Container) string {
	var out []string
	for _, port := range sortedPorts(c.Ports) {
		out = append(out, fmt.Sprintf("%d at %s", port, c.Ports[port]))
	}
	return strings.Join(out, ", ")
}

func sortedPorts(ports map[int]string) []int { return slices.Sorted(maps.Keys(ports)) }
