package history

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// JanitorFile is where the janitor of a run leaves its record, in the run's folder. It is a file of its own because another
// process writes it, after Gauntlet has died.
const JanitorFile = "janitor.jsonl"

// janitorLine is what we read of one line of it.
type janitorLine struct {
	At     time.Time     `json:"at"`
	What   string        `json:"what"` // begun, told, goodbye, lost, healed, failed
	Cause  string        `json:"cause"`
	Report string        `json:"report"`
	Took   time.Duration `json:"took_ns"`
}

// janitorNotes are what a janitor did in earnest: it healed, or could not. No file is nothing.
func janitorNotes(dir string, origin time.Time) []Note {
	f, err := os.Open(filepath.Join(dir, JanitorFile))
	if err != nil {
		return nil
	}
	defer f.Close()
	var out []Note
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		var l janitorLine
		if json.Unmarshal(lines.Bytes(), &l) != nil {
			continue // cut off by a crash
		}
		n := Note{At: l.At.Sub(origin), Kind: NoteJanitor}
		switch l.What {
		case "lost":
			n.Text = "the janitor lost Gauntlet: " + l.Cause
		case "healed":
			n.Text = fmt.Sprintf("the janitor took %.1f s: %s", l.Took.Seconds(), l.Report)
		case "failed":
			n.Kind, n.Text = NoteUndo, fmt.Sprintf("the janitor could not heal all: %s (%s)", l.Report, l.Cause)
		default:
			continue
		}
		out = append(out, n)
	}
	return out
}
