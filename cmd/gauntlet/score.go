package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"gauntlet/experiments/score"
)

func scoreCommand() *cobra.Command {
	var f scoreFlags
	cmd := &cobra.Command{
		Use:   "score DIR",
		Short: "Score a recording again and print its card",
		Long: `Score makes the card again from the recording alone and prints it. It writes nothing. The same recording gives the same
card, bit for bit. The exit code is the verdict's: 0 pass, 1 a goal missed, 2 unknown.

With --what-if it says what the run would have been worth had a quantity been another one: a fault's failover, one of its
stages (detect, decide, promote, reroute, reconnect) or after_effect, or the run's lost_seconds, lost_writes or
replication_lag. With --iso it prints the view of ISO/IEC 25045 instead.`,
		Example: `  gauntlet score runs/primary-kill/replicated/20260102T150405Z
  gauntlet score --what-if 'kill detect=1s' runs/primary-kill/replicated/20260102T150405Z
  gauntlet score --json runs/primary-kill/replicated/20260102T150405Z`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return f.run(args[0]) },
	}
	cmd.Flags().BoolVar(&f.json, "json", false, "print the card as JSON")
	cmd.Flags().BoolVar(&f.iso, "iso", false, "print the view of ISO/IEC 25045 instead of the card")
	cmd.Flags().StringArrayVar(&f.whatIf, "what-if", nil, "replace a quantity: '[FAULT] MEASURE=VALUE', such as 'kill failover=2s'; may be repeated")
	return cmd
}

type scoreFlags struct {
	json   bool
	iso    bool
	whatIf []string
}

func (f scoreFlags) run(dir string) error {
	rec, err := open(dir)
	if err != nil {
		return err
	}
	if f.iso {
		return printISO(os.Stdout, score.ISO(rec.experiment, rec.history), f.json)
	}
	if len(f.whatIf) > 0 {
		was := rec.card
		if rec.card, err = rec.whatIf(f.whatIf); err != nil {
			return err
		}
		if !f.json {
			fmt.Printf("WHAT IF  %s\n         the score would be %.1f, it was %.1f; this did not happen\n\n", strings.Join(rec.card.WhatIf, ", "), rec.card.Score.Value, was.Score.Value)
		}
	}
	if err := rec.print(os.Stdout, cardFile(f.json), colour(os.Stdout)); err != nil {
		return err
	}
	return verdictError(rec.card.Verdict)
}

// whatIf is the card with the changes.
func (r recording) whatIf(texts []string) (score.Card, error) {
	var changes []score.Change
	for _, text := range texts {
		c, err := score.ParseChange(text)
		if err != nil {
			return score.Card{}, err
		}
		changes = append(changes, c)
	}
	return score.WhatIf(r.experiment, r.history, changes...)
}

// printISO prints the standard's view.
func printISO(w io.Writer, v score.ISOView, asJSON bool) error {
	if asJSON {
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		return enc.Encode(v)
	}
	fmt.Fprintf(w, "%s, as Gauntlet reads it\ntransactions: %s\nbaseline:     %.1f per second\n", v.Standard, v.Transactions, v.Baseline)
	if !v.Known {
		fmt.Fprintln(w, "resiliency:   unknown: there was no disturbance, or no baseline")
		return nil
	}
	fmt.Fprintf(w, "resiliency:   %.4f of the baseline\n", v.Resiliency)
	for _, s := range v.Slots {
		fmt.Fprintf(w, "slot of step %d (%s): resiliency %.4f\n", s.Step+1, s.Kind, s.Resiliency)
		for _, i := range s.Intervals {
			if i.Known {
				fmt.Fprintf(w, "  %-20s %8.2f s\n", i.Name, i.Seconds)
			} else {
				fmt.Fprintf(w, "  %-20s  not seen; its time is in the next\n", i.Name)
			}
		}
	}
	return nil
}

func reportCommand() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "report DIR",
		Short: "Make the reports of a recording again",
		Long: `Report makes card.json, card.txt and report.html again from the recording alone and writes them into its folder; with
--format it prints one of them instead and writes nothing. The same recording gives the same bytes.`,
		Example: `  gauntlet report runs/primary-kill/replicated/20260102T150405Z
  gauntlet report --format html runs/primary-kill/replicated/20260102T150405Z > report.html`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return reportAgain(args[0], format) },
	}
	cmd.Flags().StringVar(&format, "format", "", "print this instead of writing files: text, json or html")
	return cmd
}

// forms maps --format to the file that has that form.
var forms = map[string]string{"text": cardText, "json": cardJSON, "html": reportHTML}

func reportAgain(dir, format string) error {
	name := forms[format]
	if format != "" && name == "" {
		return fmt.Errorf("--format %s: there are text, json and html", format)
	}
	rec, err := open(dir)
	if err != nil {
		return err
	}
	if format == "" {
		return rec.write(dir)
	}
	return rec.print(os.Stdout, name, false)
}
