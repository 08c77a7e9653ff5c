package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"gauntlet/compose"
	"gauntlet/experiments/run"
	"gauntlet/experiments/score"
	"gauntlet/experiments/spec"
)

type runFlags struct {
	topology string
	out      string
	seed     int64
	repeat   int
	portBase int
	with     []string
	keep     bool
	dryRun   bool
	json     bool
	quiet    bool // print no cards
	jobFlags
}

func runCommand() *cobra.Command {
	var f runFlags
	cmd := &cobra.Command{
		Use:   "run EXPERIMENT...",
		Short: "Run experiments: start the topology, load it, inject the faults, print the card",
		Long: `Run starts the experiment's topology, drives it with an open-loop load, injects the faults, heals, takes everything down
and prints a card. An experiment is a file, a folder of files, or a name from the catalogue (gauntlet list).

Everything is recorded into runs/<experiment>/<topology>/<UTC time>/. The exit code is that of the worst run:
0 every goal met, 1 a goal missed, 2 unknown, 3 could not run, 130 interrupted.`,
		Example: `  gauntlet run experiments/primary-kill.yaml
  gauntlet run primary-kill --topology replicated-async --repeat 5
  gauntlet run primary-pause --dry-run
  gauntlet run primary-kill --baseline baseline.json --junit results.xml`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return runAll(cmd.Context(), args, f) },
	}
	fs := cmd.Flags()
	fs.StringVar(&f.topology, "topology", "", "run on this topology instead of the experiment's own")
	fs.StringVar(&f.out, "out", "runs", "folder for the recordings")
	fs.Int64Var(&f.seed, "seed", -1, "seed to use instead of the experiment's own (0 or more)")
	fs.IntVar(&f.repeat, "repeat", 1, "how often to run each experiment, 1 to 100")
	fs.IntVar(&f.portBase, "port-base", 0, "first host port to publish on (default $GAUNTLET_PORT_BASE, else the topology's own)")
	fs.StringSliceVar(&f.with, "with", nil, withUsage())
	fs.BoolVar(&f.keep, "keep", false, "leave the topology running")
	fs.BoolVar(&f.dryRun, "dry-run", false, "print the plan and start nothing")
	fs.BoolVar(&f.json, "json", false, "print the cards as JSON")
	f.register(cmd)
	return cmd
}

// runAll runs each experiment, as often as asked, and returns the worst outcome.
func runAll(ctx context.Context, args []string, f runFlags) error {
	all, err := f.load(args)
	if err != nil {
		return err
	}
	if f.dryRun {
		return printPlans(ctx, all)
	}
	if f.keep && len(all)*f.repeat > 1 {
		return errors.New("--keep leaves one topology running: give one experiment and no --repeat")
	}
	work, err := f.begin()
	if err != nil {
		return err
	}
	eng, err := compose.Check(ctx)
	if err != nil {
		return work.end(err)
	}
	worst := error(nil)
	for _, e := range all {
		worst = worse(worst, work.experiment(ctx, eng, e))
		if ctx.Err() != nil {
			break
		}
	}
	return work.end(worst)
}

// load parses all experiments and applies the flags; all errors at once.
func (f runFlags) load(args []string) ([]spec.Experiment, error) {
	if f.repeat < 1 || f.repeat > 100 {
		return nil, fmt.Errorf("--repeat %d: 1 to 100 runs of each experiment", f.repeat)
	}
	var all []spec.Experiment
	var errs []error
	for _, arg := range args {
		es, err := spec.LoadAll(arg)
		all, errs = append(all, es...), append(errs, err)
	}
	for i := range all {
		if f.seed >= 0 {
			all[i] = all[i].WithSeed(uint64(f.seed))
		}
		if f.topology != "" {
			e, err := all[i].WithTopology(f.topology)
			all[i] = e
			errs = append(errs, err)
		}
	}
	return all, errors.Join(errs...)
}

// runOnce runs, scores and reports one experiment. The error is the verdict's, or why it could not be carried out as planned.
func runOnce(ctx context.Context, eng *compose.Engine, e spec.Experiment, f runFlags, n int) (finished, error) {
	p := newProgress(os.Stderr)
	p.Say(fmt.Sprintf("experiment %s on %s: %s", e.Name, e.Topology, e.Claim))
	if f.repeat > 1 {
		p.Say(fmt.Sprintf("run %d of %d", n+1, f.repeat))
	}
	dir, runErr := run.Experiment(ctx, e, eng, run.Options{
		Out: f.out, State: undoDir(), Keep: f.keep, PortBase: f.portBase, With: f.with, Version: version(), Observer: p,
	})
	p.clear()
	if dir == "" {
		return finished{}, runErr
	}
	rec, err := open(dir)
	done := finished{rec, dir}
	if err != nil {
		return done, errors.Join(runErr, err)
	}
	err = rec.write(dir)
	if !f.quiet {
		err = errors.Join(err, rec.print(os.Stdout, cardFile(f.json), colour(os.Stdout)))
	}
	if err != nil {
		return done, errors.Join(runErr, err)
	}
	fmt.Fprintf(os.Stderr, "\nrecording: %s\nreport:    %s\n", dir, filepath.Join(dir, "report.html"))
	if runErr != nil {
		return done, runErr
	}
	return done, verdictError(rec.card.Verdict)
}

// cardFile is which form of the card is printed.
func cardFile(asJSON bool) string {
	if asJSON {
		return cardJSON
	}
	return cardText
}

// verdictError turns a verdict into an exit code; the card has said the rest.
func verdictError(v score.Verdict) error {
	switch v {
	case score.Pass:
		return nil
	case score.Fail:
		return &exitError{code: exitFail}
	default:
		return &exitError{code: exitUnknown}
	}
}

// worse keeps the worse of two outcomes: could not run, failed, unknown, passed.
func worse(a, b error) error {
	rank := func(err error) int {
		var e *exitError
		switch {
		case err == nil:
			return 0
		case !errors.As(err, &e):
			return 3
		case e.code == exitFail:
			return 2
		default:
			return 1
		}
	}
	if rank(b) > rank(a) {
		return b
	}
	return a
}
