package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"gauntlet/chaos"
	"gauntlet/compose"
	"gauntlet/experiments/run"
)

func psCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "ps",
		Short: "Show what runs, who has which role now, and what is disturbed since when",
		Long: `Ps shows the topologies that Gauntlet started, and every other Compose project that is disturbed: something is open in its
undo log, or one of Gauntlet's helpers works in it.`,
		Example: `  gauntlet ps`,
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return ps(cmd.Context(), os.Stdout) },
	}
}

func ps(ctx context.Context, w io.Writer) error {
	eng, err := compose.Connect(ctx)
	if err != nil {
		return err
	}
	defer eng.Close()
	projects, err := disturbable(ctx, eng)
	if err != nil {
		return err
	}
	helpers, err := eng.Helpers(ctx)
	if err != nil {
		return err
	}
	if len(projects) == 0 {
		fmt.Fprintln(w, "nothing of Gauntlet's is running, and nothing is disturbed; start something with: gauntlet up replicated")
		return nil
	}
	for _, p := range projects {
		mine := slices.DeleteFunc(slices.Clone(helpers), func(h compose.Helper) bool { return h.Project != p })
		if err := psProject(ctx, w, eng, p, mine); err != nil {
			return err
		}
		writeHelpers(w, mine)
	}
	return nil
}

// psProject prints one project.
func psProject(ctx context.Context, w io.Writer, eng *compose.Engine, project string, helpers []compose.Helper) error {
	open, unreadable, err := openOf(project)
	if err != nil {
		return err
	}
	row := project
	var roles map[string][]string
	var rolesErr error
	a, err := eng.Attach(ctx, project)
	if err != nil {
		fmt.Fprintf(w, "project %s: there is no container of it\n", project)
		a = &compose.Attached{Project: compose.Project{Name: project}}
	} else if a.Topology != "" {
		row = a.Topology + " (project " + project + ")"
		roles, rolesErr = rolesNow(ctx, a)
	}
	disturbed := disturbedNow(open, a.On, helpers)
	if len(a.On) > 0 {
		fmt.Fprintln(w, row)
		writeContainers(w, a.On, roles, disturbed)
	}
	if rolesErr != nil {
		fmt.Fprintf(w, "  roles are unknown: %v\n", rolesErr)
	}
	for _, name := range slices.Sorted(maps.Keys(disturbed)) {
		if !slices.ContainsFunc(a.On, func(c compose.Container) bool { return c.Name == name }) {
			fmt.Fprintf(w, "  %s, which is not there now: %s\n", name, disturbed[name])
		}
	}
	if unreadable > 0 {
		fmt.Fprintf(w, "  %d lines of the undo log can't be read: gauntlet heal --project %s\n", unreadable, project)
	}
	return nil
}

func rolesNow(ctx context.Context, a *compose.Attached) (map[string][]string, error) {
	t, err := compose.Lookup(a.Topology)
	if err != nil {
		return nil, err
	}
	return run.Roles(ctx, t, a.On)
}

func writeContainers(out io.Writer, on []compose.Container, roles map[string][]string, disturbed map[string]string) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "  NAME\tSTATE\tTIER\tREGION\tROLES\tREACH\tDISTURBED")
	for _, c := range on {
		fmt.Fprintf(w, "  %s\t%s\t%s\t%s\t%s\t%s\t%s\n", c.Name, c.State, c.Tier, c.Region, strings.Join(roles[c.Name], ","), reach(c), disturbed[c.Name])
	}
	w.Flush()
}

// writeHelpers says which of Gauntlet's helpers live.
func writeHelpers(w io.Writer, all []compose.Helper) {
	for _, h := range all {
		where := ""
		if h.Target != "" {
			where = " in " + h.Target
		}
		state := "for " + time.Since(h.Since).Round(time.Second).String()
		if !h.Running {
			state = "ended"
		}
		fmt.Fprintf(w, "  %s%s: %s\n", h.Role, where, state)
	}
}

// disturbedNow says, by name, which faults hold a container according to the undo log, and since when.
func disturbedNow(open []chaos.Intent, on []compose.Container, helpers []compose.Helper) map[string]string {
	out := map[string]string{}
	for _, in := range open {
		for _, a := range in.Actions {
			text := fmt.Sprintf("%s for %s", in.Kind, time.Since(in.At).Round(time.Second))
			switch {
			case alive(in.Process):
			case mayHold(a, on, helpers):
				text += ", left behind: gauntlet heal"
			default:
				text = in.Kind + " has ended, its Gauntlet was killed: gauntlet heal closes the undo log"
			}
			name := a.Target.Name
			has := out[name]
			switch {
			case has == "":
				out[name] = text
			case !strings.Contains(has, text):
				out[name] = has + "; " + text
			}
		}
	}
	return out
}

// mayHold says whether what a process did that is gone may still hold, by what can be seen of the container.
func mayHold(a chaos.Action, on []compose.Container, helpers []compose.Helper) bool {
	state := ""
	for _, c := range on {
		if c.Name == a.Target.Name {
			state = c.State
		}
	}
	switch {
	case a.Do.Verb == chaos.VerbQuota || a.Do.Verb == chaos.VerbCreate || a.Do.Verb == chaos.VerbResource || a.Do.Verb == chaos.VerbState || a.Do.Verb == chaos.VerbReplay:
		return true // that can outlive an agent, or can't be seen here
	case a.Do.Verb.ByAgent():
		return slices.ContainsFunc(helpers, func(h compose.Helper) bool { return h.Target == a.Target.Name && h.Running })
	case a.Do.Verb == chaos.VerbSignal && a.Do.Signal == "SIGSTOP":
		return true
	}
	return state != "running"
}

// describeOpen is one open entry of an undo log in words.
func describeOpen(in chaos.Intent) string {
	var names []string
	for _, t := range in.Targets() {
		names = append(names, t.Name)
	}
	return fmt.Sprintf("%s on %s since %s", in.Kind, strings.Join(names, ", "), in.At.Format(time.DateTime))
}

// alive says whether the process that disturbs is there; one that can't be seen counts as alive.
func alive(pid int) bool {
	p, err := os.FindProcess(pid)
	if err != nil {
		return false
	}
	return p.Signal(syscall.Signal(0)) == nil || os.Geteuid() != 0
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
