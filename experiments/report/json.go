package report

import (
	"encoding/json"
	"fmt"
	"io"

	"gauntlet/experiments/score"
)

// JSON writes the card as indented JSON with a line break at its end: the file card.json. It fails on numbers that JSON
// cannot hold (NaN, infinity) and if w does; a card that failed is not written in part.
func JSON(w io.Writer, c score.Card) error {
	data, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return fmt.Errorf("card of %q as JSON: %w", c.Experiment, err)
	}
	if _, err := w.Write(append(data, '\n')); err != nil {
		return fmt.Errorf("write card as JSON: %w", err)
	}
	return nil
}
