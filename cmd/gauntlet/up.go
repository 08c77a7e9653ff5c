package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"gauntlet/compose"
	"gauntlet/experiments/run"
)

func upCommand() *cobra.Command {
	var opt run.Options
	cmd := &cobra.Command{
		Use:   "up TOPOLOGY",
		Short: "Start a topology and leave it running",
		Example: `  gauntlet up replicated
  gauntlet up replicated --port-base 19000
  gauntlet up queued --with observability`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return up(cmd.Context(), args[0], opt) },
	}
	cmd.Flags().StringSliceVar(&opt.With, "with", nil, withUsage())
	cmd.Flags().Float64Var(&opt.Scale, "time-scale", 1, "divide all times of the overlay's alert rules by this, 1 or more")
	cmd.Flags().IntVar(&opt.PortBase, "port-base", 0, "first host port to publish on (default $GAUNTLET_PORT_BASE, else the topology's own)")
	return cmd
}

// withUsage names the overlays.
func withUsage() string {
	return "lay something over the topology: " + strings.Join(compose.Overlays(), ", ")
}

func up(ctx context.Context, name string, opt run.Options) error {
	if opt.Scale < 1 {
		return fmt.Errorf("--time-scale %g: 1 or more; 10 makes of 5 minutes half a minute", opt.Scale)
	}
	t, err := compose.Lookup(name)
	if err != nil {
		return err
	}
	if t, err = t.With(opt.With...); err != nil {
		return err
	}
	eng, err := compose.Check(ctx)
	if err != nil {
		return err
	}
	opt.Observer = newProgress(os.Stderr)
	stack, err := run.Up(ctx, eng, t, opt)
	if err != nil && stack != nil {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Minute)
		defer cancel()
		return errors.Join(err, stack.Down(ctx))
	}
	if err != nil {
		return err
	}
	on, err := stack.Inventory(ctx)
	if err != nil {
		return err
	}
	printInventory(on)
	return nil
}

func printInventory(on []compose.Container) {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tTIER\tREGION\tREACH")
	for _, c := range on {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", c.Name, c.Tier, c.Region, reach(c))
	}
	w.Flush()
}

func downCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "down [TOPOLOGY...]",
		Short: "Take topologies down: containers, networks and volumes; without a name, all that Gauntlet started",
		Example: `  gauntlet down replicated
  gauntlet down`,
		RunE: func(cmd *cobra.Command, args []string) error { return down(cmd.Context(), args) },
	}
}

// down takes the named topologies down, or all. What can't be removed is an error.
func down(ctx context.Context, topologies []string) error {
	eng, err := compose.Check(ctx)
	if err != nil {
		return err
	}
	stacks, err := stacksOf(ctx, eng, topologies)
	if err != nil {
		return err
	}
	if len(stacks) == 0 {
		fmt.Println("nothing is running")
	}
	var errs []error
	for _, s := range stacks {
		if err := s.Down(ctx); err != nil {
			errs = append(errs, err)
			continue
		}
		fmt.Printf("%s is down: containers, networks and volumes are removed\n", s.Topology.Name)
	}
	return errors.Join(errs...)
}

// stacksOf finds the stacks of the named topologies, or all that there are.
func stacksOf(ctx context.Context, eng *compose.Engine, topologies []string) ([]*compose.Stack, error) {
	if len(topologies) == 0 {
		return eng.Stacks(ctx)
	}
	var out []*compose.Stack
	var errs []error
	for _, name := range topologies {
		t, err := compose.Lookup(name)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		out = append(out, eng.Find(t))
	}
	return out, errors.Join(errs...)
}
