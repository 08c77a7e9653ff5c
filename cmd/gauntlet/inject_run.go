package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"gauntlet/chaos"
	"gauntlet/experiments/run"
)

// dryRun prints who would be hit now, how, and how that would be undone.
func (s *site) dryRun(ctx context.Context, f injectFlags, step chaos.Step) error {
	plans := planSteps(ctx, s.live, []chaos.Step{step}, f.seed)
	plans[0].err = s.roles.why(step.On.Role, plans[0].err)
	if f.json {
		return errors.Join(printJSON(os.Stdout, plannedInjection{s.project.Name, f.seed, step.For.Seconds(), plans[0]}), plans[0].err)
	}
	fmt.Printf("%s\ndry run for %s, seed %d: nothing is touched\n", s.project, step.For, f.seed)
	writePlans(os.Stdout, plans)
	return plans[0].err
}

// plannedInjection is a dry run for machines.
type plannedInjection struct {
	Project string  `json:"project"`
	Seed    uint64  `json:"seed"`
	For     float64 `json:"for_seconds"`
	plannedStep
}

// inject carries one fault out and heals it.
func (s *site) inject(ctx context.Context, f injectFlags, step chaos.Step) error {
	say := teller(os.Stdout)
	if f.json {
		say = teller(os.Stderr)
	}
	journal, err := chaos.OpenJournal(undoDir(), s.project.Name)
	if err != nil {
		return err
	}
	defer journal.Close()
	say(s.project.String())
	if err := s.clean(ctx, journal, say); err != nil {
		return err
	}
	done, err := s.prepare(ctx, step, f.seed, journal, say)
	if err != nil {
		return err
	}
	out := outcome{Project: s.project.Name, Seed: f.seed}
	err = chaos.Run(ctx, s.live, f.seed, time.Now(), []chaos.Step{step}, chaos.Options{Journal: journal, Emit: func(w chaos.Window) {
		out.see(w, say)
	}})
	err = errors.Join(err, done())
	out.end(err)
	if f.json {
		err = errors.Join(err, printJSON(os.Stdout, out))
	}
	return out.verdict(ctx, err)
}

// prepare refuses what can't be, and makes a janitor and the agents ready, so that the injection itself is one message. What it
// returns ends the janitor.
func (s *site) prepare(ctx context.Context, step chaos.Step, seed uint64, j *chaos.Journal, say func(string)) (done func() error, err error) {
	plan, err := chaos.PlanStep(ctx, s.live, step, 0, seed)
	if err != nil {
		return nil, s.roles.why(step.On.Role, err)
	}
	done = func() error { return nil }
	image, err := s.ready(ctx, step.Fault, say)
	if err != nil {
		return nil, err
	}
	if image {
		if done, err = run.Guard(ctx, s.runtime, j, "", say); err != nil {
			return nil, err
		}
	}
	if err := s.arm(ctx, plan.On, chaos.Verbs(step.Fault), say); err != nil {
		return nil, errors.Join(err, done())
	}
	return done, nil
}

// arm starts agents in those that would be hit now.
func (s *site) arm(ctx context.Context, on []chaos.Container, verbs []chaos.Verb, say func(string)) error {
	armer, ok := chaos.Power[chaos.Armer](s.live)
	if len(verbs) == 0 || !ok {
		return nil
	}
	began := time.Now()
	if err := armer.Arm(ctx, on, verbs); err != nil {
		return err
	}
	say(fmt.Sprintf("agents are ready in %s after %.1f s", names(on), time.Since(began).Seconds()))
	return nil
}

func names(on []chaos.Container) string {
	words := make([]string, len(on))
	for i, c := range on {
		words[i] = c.Name
	}
	return strings.Join(words, ", ")
}

// teller prints one line for each thing that happens.
func teller(w io.Writer) func(string) { return func(line string) { fmt.Fprintln(w, line) } }

// outcome is what became of an injection, for machines.
type outcome struct {
	Project     string     `json:"project"`
	Fault       string     `json:"fault"`
	Seed        uint64     `json:"seed"`
	On          []string   `json:"on"`
	Roles       []string   `json:"roles,omitempty"`
	Actions     []string   `json:"actions"`
	Asked       *time.Time `json:"asked,omitempty"`
	Began       *time.Time `json:"began,omitempty"`
	Uncertainty float64    `json:"uncertainty_seconds"` // of began
	HealAsked   *time.Time `json:"heal_asked,omitempty"`
	Healed      *time.Time `json:"healed,omitempty"`
	Proof       string     `json:"proof,omitempty"`
	Notes       []string   `json:"notes,omitempty"`
	Error       string     `json:"error,omitempty"`

	begun bool // that it began was said
}

// see notes and says what happened. It is called when the fault began, and when it was healed or failed.
func (o *outcome) see(w chaos.Window, say func(string)) {
	o.Fault, o.On, o.Roles, o.Actions, o.Proof, o.Notes, o.Error = w.Fault, w.On, w.Roles, w.Actions, w.Proof, w.Notes, w.Err
	o.Asked, o.Began, o.HealAsked, o.Healed = moment(w.Asked), moment(w.Began), moment(w.HealAsked), moment(w.Healed)
	o.Uncertainty = w.Uncertainty.Seconds()
	if !o.begun {
		o.begun = true
		for _, line := range w.Actions {
			say("  " + line)
		}
		if !w.Began.IsZero() {
			say(fmt.Sprintf("%s: t0 %s, %s after it was asked: %s", w.Fault, w.Began.UTC().Format("15:04:05.000Z"), onset(w), eachOnce(w.Proof)))
		}
	}
	if w.Healed.IsZero() {
		return
	}
	for _, note := range w.Notes {
		say("note: " + note)
	}
	if w.Began.IsZero() {
		say("undone, though no effect was seen")
		return
	}
	say(fmt.Sprintf("healed after %.1f s", w.Healed.Sub(w.Began).Seconds()))
}

// onset is when the effect began after the asking, and how exactly that is known.
func onset(w chaos.Window) string {
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	return fmt.Sprintf("%.1f ± %.1f ms", ms(w.Began.Sub(w.Asked)), ms(w.Uncertainty))
}

// eachOnce leaves out what was seen of another target already.
func eachOnce(proof string) string {
	var out []string
	for part := range strings.SplitSeq(proof, "; ") {
		if !slices.Contains(out, part) {
			out = append(out, part)
		}
	}
	return strings.Join(out, "; ")
}

// moment is nil for no time.
func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC().Round(0)
	return &t
}

// end notes an error that no window has.
func (o *outcome) end(err error) {
	if err != nil && o.Error == "" {
		o.Error = err.Error()
	}
}

// verdict is the exit code.
func (o *outcome) verdict(ctx context.Context, err error) error {
	switch {
	case errors.Is(err, chaos.ErrStillDisturbed):
		return fmt.Errorf("%w; mend: gauntlet heal --project %s", err, o.Project)
	case ctx.Err() != nil:
		return &exitError{code: exitInterrupted}
	case err != nil:
		return err
	case o.Error != "":
		return &exitError{exitUnknown, errors.New(o.Error)}
	case o.Began == nil:
		return &exitError{exitUnknown, errors.New("no effect was seen")}
	}
	return nil
}

func printJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}
