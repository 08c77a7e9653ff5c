package proc

import "testing"

func TestRunning(t *testing.T) {
	for text, want := range map[string]int{"0.20 0.18 0.12 1/80 11206\n": 1, "38.68 37.37 29.70 163/1287 9361\n": 163, "": 0, "who knows": 0} {
		if got := running(text); got != want {
			t.Errorf("%q: %d threads run, want %d", text, got, want)
		}
	}
}
