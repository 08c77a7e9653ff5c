package compare

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"gauntlet/experiments/score"
)

// baselineFormat is the version of the file; a reader refuses what it does not know.
const baselineFormat = 1

// ErrBaseline means that a file is no baseline, or one that this version can't use.
var ErrBaseline = errors.New("no baseline")

// Baseline is what a file holds that gates compare with: every run's values, with the machine and the version of each.
type Baseline struct {
	Format  int    `json:"format"`
	Formula string `json:"formula"` // of the scores; another formula can't be compared with
	Runs    []Run  `json:"runs"`
}

// Save writes runs as a baseline.
func Save(w io.Writer, runs []Run) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", " ")
	if err := enc.Encode(Baseline{baselineFormat, score.Formula, runs}); err != nil {
		return fmt.Errorf("write the baseline: %w", err)
	}
	return nil
}

// Load reads a baseline that Save wrote. The error is ErrBaseline.
func Load(r io.Reader) ([]Run, error) {
	var b Baseline
	if err := json.NewDecoder(r).Decode(&b); err != nil {
		return nil, fmt.Errorf("%w: %w; gauntlet compare DIR --save FILE makes one", ErrBaseline, err)
	}
	switch {
	case b.Format != baselineFormat:
		return nil, fmt.Errorf("%w: format %d, this Gauntlet reads %d", ErrBaseline, b.Format, baselineFormat)
	case b.Formula != score.Formula:
		return nil, fmt.Errorf("%w: scored by formula %s, this Gauntlet uses %s; make it again from the recordings", ErrBaseline, b.Formula, score.Formula)
	case len(b.Runs) == 0:
		return nil, fmt.Errorf("%w: it holds no runs", ErrBaseline)
	}
	return b.Runs, nil
}
