package spec

import (
	"errors"
	"io/fs"
	"testing"

	"gauntlet/experiments"
)

// Any text gives an experiment or errors with lines; never a panic.
func FuzzParse(f *testing.F) {
	f.Add(good)
	f.Add(good[:len("claim: c\ntopology: replicated\n")] + written)
	for _, file := range list("*.yaml") {
		text, err := fs.ReadFile(experiments.FS, file[len("experiments/"):])
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	f.Add("claim: [c")
	f.Add("steps: [{on: {exclude: {a: b}}, fault: {kind: stop, timeout: 1h}}]")
	f.Add("a: &a [*a]")
	f.Add("goals: &g [{metric: p99, at_most: 1e9h}, *g]")
	f.Fuzz(func(t *testing.T, text string) {
		_, err := Parse("fuzz.yaml", []byte(text))
		var all Errors
		if err != nil && !errors.As(err, &all) {
			t.Errorf("error of type %T: %v", err, err)
		}
		for _, e := range all {
			if e.Line < 1 || e.Column < 1 || e.Problem == "" || e.Mend == "" {
				t.Errorf("incomplete error %+v", e)
			}
		}
	})
}
