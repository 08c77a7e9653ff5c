package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"gauntlet/chaos"
	"gauntlet/chaos/docker"
	"gauntlet/compose"
)

func healCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "heal",
		Short: "Undo every fault that a Gauntlet may have left, at any time, as often as you like",
		Long: `Heal reads the undo logs and the state of the containers that Gauntlet started, and makes everything run again that was
killed or paused. It is safe at any time: twice, with nothing to do, after a crash of Gauntlet, beside a run (which then
says that its fault ended early). What may still be disturbed is an error.`,
		Example: `  gauntlet heal`,
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return heal(cmd.Context()) },
	}
}

func heal(ctx context.Context) error {
	eng, err := compose.Check(ctx)
	if err != nil {
		return err
	}
	projects, err := disturbable(ctx, eng)
	if err != nil {
		return err
	}
	if len(projects) == 0 {
		fmt.Println("nothing to heal: no undo log, and nothing of Gauntlet's is running")
	}
	var errs []error
	for _, p := range projects {
		errs = append(errs, healProject(ctx, p))
	}
	return errors.Join(errs...)
}

// disturbable are the projects that have an undo log or containers.
func disturbable(ctx context.Context, eng *compose.Engine) ([]string, error) {
	projects, err := chaos.JournalProjects(undoDir())
	if err != nil {
		return nil, err
	}
	stacks, err := eng.Stacks(ctx)
	if err != nil {
		return nil, err
	}
	for _, s := range stacks {
		projects = append(projects, s.Project)
	}
	slices.Sort(projects)
	return slices.Compact(projects), nil
}

func healProject(ctx context.Context, project string) error {
	rt, err := docker.New(ctx, docker.Options{Project: project})
	if err != nil {
		return err
	}
	defer rt.Close()
	j, err := chaos.PeekJournal(undoDir(), project)
	if err != nil {
		return err
	}
	defer j.Close()
	rep, err := chaos.HealAll(ctx, rt, j)
	fmt.Printf("%s: %s\n", project, rep)
	return err
}
