package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"gauntlet/compose"
	"gauntlet/experiments/compare"
	"gauntlet/experiments/report"
	"gauntlet/experiments/score"
	"gauntlet/experiments/spec"
)

// jobFlags are what a CI job wants beside the cards.
type jobFlags struct {
	baseline string
	junit    string
	summary  string
}

func (f *jobFlags) register(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.StringVar(&f.baseline, "baseline", "", "gate against this baseline: a file of gauntlet compare --save, or a folder of recordings")
	fs.StringVar(&f.junit, "junit", "", "write the results as JUnit XML into this file")
	fs.StringVar(&f.summary, "summary", "", "append the results as Markdown to this file, such as $GITHUB_STEP_SUMMARY")
}

// finished is a run that came to an end, with its recording.
type finished struct {
	recording
	dir string
}

// runner makes one run, the n-th of an experiment, and scores it; runOnce is the real one.
type runner func(ctx context.Context, eng *compose.Engine, e spec.Experiment, f runFlags, n int) (finished, error)

// job is one invocation of run, from the first experiment to the last.
type job struct {
	flags   runFlags
	make    runner
	base    []compare.Run
	results []report.Result
	checks  []report.Check
}

// begin reads the baseline and sees that the files can be written, before anything runs.
func (f runFlags) begin() (*job, error) {
	j := &job{flags: f, make: runOnce}
	if f.baseline != "" {
		if f.repeat != 1 || f.keep {
			return nil, errors.New("--baseline: the gate decides itself how often to run; leave --repeat and --keep out")
		}
		var err error
		if j.base, err = readBaseline(f.baseline); err != nil {
			return nil, err
		}
	}
	for _, name := range []string{f.junit, f.summary} {
		if name != "" {
			if err := writeTo(name, os.O_APPEND, func(io.Writer) error { return nil }); err != nil {
				return nil, err
			}
		}
	}
	return j, nil
}

// readBaseline reads a file that compare --save wrote, or scores a folder of recordings.
func readBaseline(name string) ([]compare.Run, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, fmt.Errorf("--baseline: %w", err)
	}
	if info.IsDir() {
		return readRuns(name)
	}
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	runs, err := compare.Load(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return runs, nil
}

// experiment runs e as often as asked, or as the gate needs, and returns the worst outcome or the gate's.
func (j *job) experiment(ctx context.Context, eng *compose.Engine, e spec.Experiment) error {
	if j.flags.baseline != "" {
		return j.gate(ctx, eng, e)
	}
	worst := error(nil)
	for n := range j.flags.repeat {
		if err := ctx.Err(); err != nil {
			return err
		}
		_, err := j.once(ctx, eng, e, n)
		worst = worse(worst, err)
	}
	return worst
}

// once runs e and keeps what the files of the job need.
func (j *job) once(ctx context.Context, eng *compose.Engine, e spec.Experiment, n int) (finished, error) {
	began := time.Now()
	done, err := j.make(ctx, eng, e, j.flags, n)
	r := report.Result{Card: done.card, Recording: done.dir, Began: began, Took: time.Since(began)}
	r.Card.Experiment, r.Card.Topology = e.Name, e.Topology
	if err != nil {
		r.Err = err.Error() // "" if the card says all
	}
	j.results = append(j.results, r)
	return done, err
}

// gate runs e until the gate has decided.
func (j *job) gate(ctx context.Context, eng *compose.Engine, e spec.Experiment) error {
	var runs []compare.Run
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		done, err := j.once(ctx, eng, e, len(runs))
		if verdict := (*exitError)(nil); err != nil && !errors.As(err, &verdict) {
			return err // it could not be carried out, or something is left behind
		}
		runs = append(runs, done.run(done.dir))
		d := compare.Gate(e.Goals, j.base, runs)
		if d.Done {
			j.decide(e, d, len(runs))
			return verdictError(d.Verdict)
		}
		fmt.Fprintf(os.Stderr, "gate: undecided after %d runs, making another\n", len(runs))
	}
}

// decide prints what the gate says and keeps it for the job's files.
func (j *job) decide(e spec.Experiment, d compare.Decision, runs int) {
	suite := e.Name + " on " + e.Topology
	out := io.Writer(os.Stdout)
	if j.flags.json {
		out = os.Stderr // stdout is the cards'
	}
	fmt.Fprintf(out, "\nGATE %s after %d runs: %s\n", strings.ToUpper(d.Verdict.String()), runs, suite)
	for _, c := range d.Checks {
		fmt.Fprintf(out, "  %-7s  %s: %s\n", c.Verdict, c.Name, c.Text)
		j.checks = append(j.checks, report.Check{Suite: suite, Name: c.Name, Verdict: c.Verdict, Text: c.Text})
	}
	for _, why := range d.Why {
		fmt.Fprintf(out, "  %s\n", why)
		v := score.Pass // a remark, such as that only absolute limits count
		if len(d.Checks) == 0 {
			v = d.Verdict
		}
		j.checks = append(j.checks, report.Check{Suite: suite, Name: "baseline", Verdict: v, Text: why})
	}
}

// end writes the job's files and returns the outcome.
func (j *job) end(outcome error) error {
	var errs []error
	if name := j.flags.junit; name != "" {
		errs = append(errs, writeTo(name, os.O_TRUNC, func(w io.Writer) error { return report.JUnit(w, j.results, j.checks) }))
	}
	if name := j.flags.summary; name != "" {
		errs = append(errs, writeTo(name, os.O_APPEND, func(w io.Writer) error { return report.Summary(w, j.results, j.checks) }))
	}
	if err := errors.Join(errs...); err != nil {
		return errors.Join(outcome, err)
	}
	return outcome
}
