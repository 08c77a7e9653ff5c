package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"
)

func scoreCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "score DIR",
		Short: "Score a recording again and print its card",
		Long: `Score makes the card again from the recording alone and prints it. It writes nothing. The same recording gives the same
card, bit for bit. The exit code is the verdict's: 0 pass, 1 a goal missed, 2 unknown.`,
		Example: `  gauntlet score runs/primary-kill/replicated/20260102T150405Z
  gauntlet score --json runs/primary-kill/replicated/20260102T150405Z`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			rec, err := open(args[0])
			if err != nil {
				return err
			}
			if err := rec.print(os.Stdout, cardFile(asJSON), colour(os.Stdout)); err != nil {
				return err
			}
			return verdictError(rec.card.Verdict)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the card as JSON")
	return cmd
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
