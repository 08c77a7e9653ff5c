package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"gauntlet/experiments/history"
	"gauntlet/experiments/report"
	"gauntlet/experiments/score"
	"gauntlet/experiments/spec"
)

// The files that are made from a recording, beside it.
const (
	cardJSON   = "card.json"
	cardText   = "card.txt"
	reportHTML = "report.html"

	registersHTML = "registers.html" // porcupine's picture of the calls of registers, where there were any
)

// recording is a recording that was opened, with the experiment that it was made from.
type recording struct {
	history    *history.History
	experiment spec.Experiment
	card       score.Card
}

// open reads a recording and scores it. Seed and topology are those of the run, which flags may have changed.
func open(dir string) (recording, error) {
	h, err := history.Open(dir)
	if err != nil {
		return recording{}, err
	}
	if spec.IsLoad([]byte(h.Header.Source)) {
		return recording{}, fmt.Errorf("%s is a recording of gauntlet load, which claims nothing that could be judged: summary.json in it says what was measured, and gauntlet load export %s gives its requests", dir, dir)
	}
	e, err := spec.Recorded(h.Header.Experiment, h.Header.Source)
	if err == nil && e.Topology != h.Header.Topology {
		e, err = e.WithTopology(h.Header.Topology)
	}
	if err != nil {
		return recording{}, fmt.Errorf("%s: the recorded experiment: %w", dir, err)
	}
	e = e.WithSeed(h.Header.Seed)
	return recording{h, e, score.Score(e, h)}, nil
}

// write makes card.json, card.txt, report.html and, with registers, registers.html in the recording's folder.
func (r recording) write(dir string) error {
	var errs []error
	for _, name := range []string{cardJSON, cardText, reportHTML} {
		errs = append(errs, r.writeFile(filepath.Join(dir, name)))
	}
	if r.card.Consistency != nil {
		errs = append(errs, r.writeFile(filepath.Join(dir, registersHTML)))
	}
	return errors.Join(errs...)
}

func (r recording) writeFile(file string) error {
	var b bytes.Buffer
	if err := r.print(&b, filepath.Base(file), false); err != nil {
		return err
	}
	return os.WriteFile(file, b.Bytes(), 0o644)
}

// print writes one of the files' contents.
func (r recording) print(w io.Writer, name string, colour bool) error {
	switch name {
	case cardJSON:
		return report.JSON(w, r.card)
	case cardText:
		return report.Text(w, r.card, report.TextOptions{Color: colour, Width: 100})
	case registersHTML:
		return score.Evidence(r.history, w)
	default:
		t, err := report.ReadTimeline(r.history.Events(), r.history.Samples())
		if err != nil {
			return err
		}
		return report.HTML(w, r.card, t)
	}
}
