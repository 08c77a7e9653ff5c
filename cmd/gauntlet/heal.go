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
	var project string
	cmd := &cobra.Command{
		Use:   "heal",
		Short: "Undo every fault that a Gauntlet may have left, at any time, as often as you like",
		Long: `Heal reads the undo logs and the state of the containers, ends every agent, and makes everything run again that was killed
or paused. Without --project it heals the topologies that Gauntlet started, and every other Compose project that has
something open in its undo log or an agent in it.

It is safe at any time: twice, with nothing to do, after a crash of Gauntlet, beside a run or an injection (which then say
that their fault ended early). What may still be disturbed is an error.`,
		Example: `  gauntlet heal
  gauntlet heal --project shop`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return heal(cmd.Context(), project) },
	}
	cmd.Flags().StringVar(&project, "project", "", "heal this Compose project, also what is paused in it without an entry in the undo log")
	return cmd
}

func heal(ctx context.Context, project string) error {
	eng, err := compose.Connect(ctx)
	if err != nil {
		return err
	}
	defer eng.Close()
	projects := []string{project}
	if project == "" {
		if projects, err = disturbable(ctx, eng); err != nil {
			return err
		}
	} else if err := knownProject(ctx, eng, project); err != nil {
		return err
	}
	if len(projects) == 0 {
		fmt.Println("nothing to heal: no open undo log, no agent, and nothing of Gauntlet's is running")
	}
	var errs []error
	for _, p := range projects {
		errs = append(errs, healProject(ctx, eng, p))
	}
	return errors.Join(errs...)
}

// knownProject refuses a name that means nothing: it would be reported as healthy.
func knownProject(ctx context.Context, eng *compose.Engine, project string) error {
	logs, err := chaos.JournalProjects(undoDir())
	if err != nil || slices.Contains(logs, project) {
		return err
	}
	_, err = eng.Attach(ctx, project)
	return err
}

// disturbable are the projects that may be disturbed: our own topologies, and those with an open undo log or a helper.
func disturbable(ctx context.Context, eng *compose.Engine) ([]string, error) {
	open, err := openLogs()
	if err != nil {
		return nil, err
	}
	projects := slices.Clone(open)
	stacks, err := eng.Stacks(ctx)
	if err != nil {
		return nil, err
	}
	for _, s := range stacks {
		projects = append(projects, s.Project)
	}
	helpers, err := eng.Helpers(ctx)
	if err != nil {
		return nil, err
	}
	for _, h := range helpers {
		if h.Project != "" {
			projects = append(projects, h.Project)
		}
	}
	slices.Sort(projects)
	return slices.Compact(projects), nil
}

// openLogs are the projects whose undo log has something that was not proven healed.
func openLogs() ([]string, error) {
	all, err := chaos.JournalProjects(undoDir())
	if err != nil {
		return nil, err
	}
	var out []string
	for _, project := range all {
		open, unreadable, err := openOf(project)
		if err != nil {
			return nil, err
		}
		if len(open) > 0 || unreadable > 0 {
			out = append(out, project)
		}
	}
	return out, nil
}

// openOf is what is open in a project's undo log.
func openOf(project string) (open []chaos.Intent, unreadable int, err error) {
	j, err := chaos.PeekJournal(undoDir(), project)
	if err != nil {
		return nil, 0, err
	}
	defer j.Close()
	return j.Open()
}

func healProject(ctx context.Context, eng *compose.Engine, project string) error {
	j, err := chaos.PeekJournal(undoDir(), project)
	if err != nil {
		return err
	}
	defer j.Close()
	if err := helpersFor(ctx, eng, j); err != nil {
		fmt.Printf("%s: no helper can be started, should one be needed: %v\n", project, err)
	}
	rt, err := docker.New(ctx, runtimeOptions(eng, project))
	if err != nil {
		return err
	}
	defer rt.Close()
	rep, err := chaos.HealAll(ctx, rt, j)
	fmt.Printf("%s: %s\n", project, rep)
	return err
}

// helpersFor makes the helpers' image if an undo may need one and there is none.
func helpersFor(ctx context.Context, eng *compose.Engine, j *chaos.Journal) error {
	open, _, err := j.Open()
	if err != nil {
		return err
	}
	needed := slices.ContainsFunc(open, func(in chaos.Intent) bool {
		return slices.ContainsFunc(in.Actions, func(a chaos.Action) bool { return a.Do.Verb.ByAgent() || a.Do.Verb == chaos.VerbSignal })
	})
	if !needed || eng.HasApp(ctx) {
		return nil
	}
	return eng.EnsureApp(ctx, func(line string) { fmt.Println(line) })
}
