package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"gauntlet/compose"
	"gauntlet/experiments/compare"
	"gauntlet/experiments/history"
	"gauntlet/experiments/spec"
)

type compareFlags struct {
	group       string
	topologies  []string
	runs        int
	aa          int
	format      string
	output      string
	save        string
	tolerance   float64
	withoutVoid bool
	live        runFlags
	make        runner // of --topologies
}

func compareCommand() *cobra.Command {
	f := compareFlags{make: runOnce}
	cmd := &cobra.Command{
		Use:   "compare DIR... | EXPERIMENT... --topologies A,B",
		Short: "Compare runs or architectures: which differences are shown, and which could be chance",
		Long: `Compare groups recorded runs and says which differences between the groups are shown. The run is the unit: medians with their
extremes, shifts with intervals (Hodges-Lehmann), Mann-Whitney tests on each experiment's goals and score, corrected for their number
(Holm), and the score R over all experiments with its interval. What is smaller than the instrument's resolution is no difference.
Runs with another load, client model, schedule or seed policy, or whose load generator fell behind, are refused.

Each DIR is searched for recordings. With --topologies it makes the runs itself, interleaved as A B B A, like gauntlet run.
With --aa N it pairs runs that do not differ and prints the tool's own noise floor and false-alarm rate.

Exit codes: 0 compared, 2 refused or unknown, 3 could not run, 130 interrupted.`,
		Example: `  gauntlet compare runs/primary-kill
  gauntlet compare before/ after/ --group argument --format markdown
  gauntlet compare primary-kill --topologies replicated,replicated-async --runs 5
  gauntlet compare runs/primary-kill/replicated --aa 20
  gauntlet compare runs/primary-kill/replicated --save baseline.json`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return f.run(cmd.Context(), args) },
	}
	fs := cmd.Flags()
	fs.StringVar(&f.group, "group", "", "what makes a group: topology, version, experiment or argument (default: topology if there are several, else argument)")
	fs.StringSliceVar(&f.topologies, "topologies", nil, "run the experiments on these topologies and compare them")
	fs.IntVar(&f.runs, "runs", 5, "how often to run each experiment on each topology, 1 to 100")
	fs.IntVar(&f.aa, "aa", 0, "number of A/A pairs to make of runs that do not differ")
	fs.StringVar(&f.format, "format", "text", "text, json, markdown or html")
	fs.StringVar(&f.output, "output", "", "write into this file instead of printing")
	fs.StringVar(&f.save, "save", "", "keep the runs in this file as a baseline for gauntlet run --baseline")
	fs.Float64Var(&f.tolerance, "tolerance", 0, "shifts of up to this share of the first group's median are no difference, such as 0.05")
	fs.BoolVar(&f.withoutVoid, "without-void", false, "leave runs out that tell nothing, instead of refusing them")
	fs.StringVar(&f.live.out, "out", "runs", "folder for the recordings of --topologies")
	fs.Int64Var(&f.live.seed, "seed", -1, "seed of the runs of --topologies instead of the experiment's own (0 or more)")
	fs.IntVar(&f.live.portBase, "port-base", 0, "first host port of --topologies")
	return cmd
}

// printers are the forms of a comparison.
var printers = map[string]func(io.Writer, compare.Report) error{
	"text": compare.Text, "json": compare.JSON, "markdown": compare.Markdown, "html": compare.HTML,
}

func (f compareFlags) check() error {
	var errs []error
	if printers[f.format] == nil {
		errs = append(errs, fmt.Errorf("--format %s: there are text, json, markdown and html", f.format))
	}
	if !slices.Contains([]string{"", "topology", "version", "experiment", "argument"}, f.group) {
		errs = append(errs, fmt.Errorf("--group %s: there are topology, version, experiment and argument", f.group))
	}
	if f.runs < 1 || f.runs > 100 {
		errs = append(errs, fmt.Errorf("--runs %d: 1 to 100 runs on each topology", f.runs))
	}
	if f.aa < 0 || f.aa > 10000 {
		errs = append(errs, fmt.Errorf("--aa %d: up to 10000 pairs", f.aa))
	}
	if f.tolerance < 0 || f.tolerance >= 1 {
		errs = append(errs, fmt.Errorf("--tolerance %g: a ratio from 0 to 1, such as 0.05", f.tolerance))
	}
	return errors.Join(errs...)
}

func (f compareFlags) run(ctx context.Context, args []string) error {
	if err := f.check(); err != nil {
		return err
	}
	groups, notes, err := f.groups(ctx, args)
	if err != nil {
		return err
	}
	if f.withoutVoid {
		kept, left := compare.WithoutVoid(groups)
		notes = append(notes, left...)
		if len(kept) < len(groups) {
			return &exitError{code: exitUnknown, err: &compare.Refusal{Reasons: append(notes, "a group has no run left")}}
		}
		groups = kept
	}
	r, err := f.compare(groups)
	if refused := (*compare.Refusal)(nil); errors.As(err, &refused) {
		return &exitError{code: exitUnknown, err: err}
	}
	if err != nil {
		return err
	}
	r.Warnings = append(notes, r.Warnings...)
	return errors.Join(f.print(r), f.keep(groups))
}

func (f compareFlags) compare(groups []compare.Group) (compare.Report, error) {
	o := compare.Options{Tolerance: f.tolerance, Seed: 1}
	r, err := compare.Compare(groups, o)
	if err != nil || f.aa == 0 {
		return r, err
	}
	noise, err := compare.AA(runsOf(groups), f.aa, o)
	r.Noise = &noise
	return r, err
}

func runsOf(groups []compare.Group) []compare.Run {
	var out []compare.Run
	for _, g := range groups {
		out = append(out, g.Runs...)
	}
	return out
}

func (f compareFlags) print(r compare.Report) error {
	if f.output == "" {
		return printers[f.format](os.Stdout, r)
	}
	return writeTo(f.output, os.O_TRUNC, func(w io.Writer) error { return printers[f.format](w, r) })
}

func (f compareFlags) keep(groups []compare.Group) error {
	if f.save == "" {
		return nil
	}
	return writeTo(f.save, os.O_TRUNC, func(w io.Writer) error { return compare.Save(w, runsOf(groups)) })
}

// writeTo makes or opens a file and writes it. mode is os.O_TRUNC or os.O_APPEND.
func writeTo(name string, mode int, write func(io.Writer) error) error {
	file, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|mode, 0o644)
	if err != nil {
		return err
	}
	return errors.Join(write(file), file.Close())
}

// groups are what is compared: runs that are made now, or recordings.
func (f compareFlags) groups(ctx context.Context, args []string) ([]compare.Group, []string, error) {
	if len(f.topologies) > 0 {
		return f.makeRuns(ctx, args)
	}
	var byArg []compare.Group
	for _, arg := range args {
		runs, err := readRuns(arg)
		if err != nil {
			return nil, nil, err
		}
		byArg = append(byArg, compare.Group{Name: filepath.Clean(arg), Runs: runs})
	}
	key := f.group
	if key == "" {
		if key = "argument"; len(compare.By("topology", runsOf(byArg))) > 1 || len(args) == 1 {
			key = "topology"
		}
	}
	if key == "argument" {
		return byArg, nil, nil
	}
	return compare.By(key, runsOf(byArg)), nil, nil
}

// readRuns scores all recordings in a folder. None is an error.
func readRuns(dir string) ([]compare.Run, error) {
	var out []compare.Run
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() != "events.jsonl" {
			return err
		}
		r, err := open(filepath.Dir(path))
		if err == nil {
			out = append(out, r.run(filepath.Dir(path)))
		}
		return err
	})
	if err == nil && len(out) == 0 {
		err = fmt.Errorf("%w in %s; name a folder such as runs/primary-kill, or experiments with --topologies", history.ErrNoRecording, dir)
	}
	return out, err
}

// run reduces a scored recording to what is compared.
func (r recording) run(dir string) compare.Run {
	out := compare.Of(dir, r.experiment, r.history.Header, r.card)
	out.Cost = costOf(r.history.Header)
	return out
}

// costOf is what a topology takes, as far as it is known.
func costOf(h history.Header) compare.Cost {
	t, err := compose.Lookup(h.Topology)
	if err != nil {
		return compare.Cost{}
	}
	return compare.Cost{Containers: len(t.Services)}
}

// makeRuns runs each experiment on each topology, the order turned around each time: A B B A.
func (f compareFlags) makeRuns(ctx context.Context, args []string) ([]compare.Group, []string, error) {
	groups := make([]compare.Group, len(f.topologies))
	f.live.repeat, f.live.quiet = 1, true
	plans := make([][]spec.Experiment, len(f.topologies))
	for i, name := range f.topologies {
		groups[i].Name, f.live.topology = strings.TrimSpace(name), strings.TrimSpace(name)
		all, err := f.live.load(args)
		if err != nil {
			return nil, nil, err
		}
		plans[i] = all
	}
	if f.aa > 0 && len(f.topologies) == 1 {
		f.runs *= 2
	}
	eng, err := compose.Check(ctx)
	if err != nil {
		return nil, nil, err
	}
	notes, err := f.interleave(ctx, eng, plans, groups)
	return groups, notes, err
}

// interleave makes the runs of plans, one list of experiments for each group, and adds them to the groups.
func (f compareFlags) interleave(ctx context.Context, eng *compose.Engine, plans [][]spec.Experiment, groups []compare.Group) ([]string, error) {
	var notes []string
	for k := range plans[0] {
		for n := range f.runs {
			for _, i := range turn(len(groups), n) {
				runs, err := f.makeRun(ctx, eng, plans[i][k])
				if err != nil {
					return notes, err
				}
				for _, void := range runs[:len(runs)-1] {
					notes = append(notes, void.Recording+" told nothing and was made again: "+strings.Join(void.Why[:min(2, len(void.Why))], "; "))
				}
				groups[i].Runs = append(groups[i].Runs, runs[len(runs)-1])
			}
		}
	}
	return notes, nil
}

// turn is the order of n groups in a round: each round goes the other way.
func turn(n, round int) []int {
	out := make([]int, n)
	for i := range out {
		if out[i] = i; round%2 == 1 {
			out[i] = n - 1 - i
		}
	}
	return out
}

// makeRun runs an experiment; a run that tells nothing is made again, twice at most. The last of the runs is the one that counts.
func (f compareFlags) makeRun(ctx context.Context, eng *compose.Engine, e spec.Experiment) ([]compare.Run, error) {
	var out []compare.Run
	for range 3 {
		done, err := f.make(ctx, eng, e, f.live, 0)
		if verdict := (*exitError)(nil); err != nil && !errors.As(err, &verdict) {
			return nil, err
		}
		if err := context.Cause(ctx); err != nil {
			return nil, err
		}
		out = append(out, done.run(done.dir))
		if last := out[len(out)-1]; !last.Void && last.Behind == 0 {
			break
		}
	}
	return out, nil
}
