package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"gauntlet/experiments/history"
	"gauntlet/experiments/spec"
	"gauntlet/loadgen"
	"gauntlet/loadgen/draft"
	"gauntlet/loadgen/export"
)

func loadExportCommand() *cobra.Command {
	var format, out string
	cmd := &cobra.Command{
		Use:   "export DIR",
		Short: "Write a recording's requests for vegeta or a spreadsheet",
		Long: `Export writes the requests of a recording, of gauntlet run or of gauntlet load --out, to standard output or a file:
  vegeta      vegeta's own form, for vegeta report and vegeta plot
  json        a line for each request with vegeta's keys and more
  csv         our own columns, with a header
  vegeta-csv  vegeta's columns
Times are the due times and latencies count from there, so vegeta reports what users would have felt.`,
		Example: `  gauntlet load export runs/shop --format vegeta | vegeta report
  gauntlet load export runs/shop --format csv --out shop.csv`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if out == "" {
				return exportTo(cmd.OutOrStdout(), args[0], format)
			}
			f, err := os.Create(out)
			if err != nil {
				return err
			}
			return errors.Join(exportTo(f, args[0], format), f.Close())
		},
	}
	cmd.Flags().StringVar(&format, "format", "vegeta", strings.Join(export.Formats(), ", "))
	cmd.Flags().StringVar(&out, "out", "", "file to write to instead of standard output")
	return cmd
}

func exportTo(w io.Writer, dir, format string) error {
	h, err := history.Open(dir)
	if err != nil {
		return err
	}
	opt := export.Options{Name: h.Header.Experiment, Origin: h.Header.Origin, Ops: map[string]loadgen.Request{}}
	var ops []loadgen.Op
	if e, err := spec.Recorded(h.Header.Experiment, h.Header.Source); err == nil {
		ops = e.Load.Ops
	} else if l, err := spec.ParseLoad("load.yaml", []byte(h.Header.Source)); err == nil { // otherwise the names must do
		ops, opt.Base = l.Load.Ops, strings.TrimSuffix(l.Base, "/")
	}
	for _, op := range ops {
		opt.Ops[op.Name] = op.Request
	}
	n, err := export.Write(w, format, h.Samples(), opt)
	if err == nil && n == 0 {
		err = fmt.Errorf("%s: the recording has no requests", dir)
	}
	return errors.Join(append([]error{err}, h.Warnings...)...)
}

func loadInitCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "init openapi.yaml|recording.har",
		Short: "Print a first load file for an API",
		Long: `Init makes a first mix of operations from an OpenAPI 3 or Swagger 2 document (JSON or YAML) or from a HAR recording of a
browser, and prints it as a load file. Nothing that deletes and no credentials are in it; what was left out is said in comments.`,
		Example: `  gauntlet load init openapi.yaml > shop.yaml
  gauntlet load init shop.har`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			d, err := draftOf(args[0])
			if err != nil {
				return err
			}
			_, err = io.WriteString(cmd.OutOrStdout(), d.YAML())
			return err
		},
	}
}

// draftOf reads a HAR file, by its name or by what is in it, or else an API's description.
func draftOf(name string) (draft.Draft, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return draft.Draft{}, err
	}
	if filepath.Ext(name) == ".har" || bytes.Contains(text[:min(len(text), 4096)], []byte(`"entries"`)) {
		return draft.FromHAR(bytes.NewReader(text))
	}
	doc, err := spec.Document(text)
	if err != nil {
		return draft.Draft{}, fmt.Errorf("%s: %w", name, err)
	}
	d, err := draft.FromOpenAPI(doc)
	if err != nil {
		err = fmt.Errorf("%s: %w", name, err)
	}
	return d, err
}
