package loadgen

import (
	"runtime/debug"
	"testing"
)

// The collector's setting is changed while a load lasts only, and not at all for who has chosen one.
func TestCollectLess(t *testing.T) {
	percent := func() int {
		was := debug.SetGCPercent(100)
		debug.SetGCPercent(was)
		return was
	}
	t.Setenv("GOGC", "")
	before := percent()
	undo := CollectLess()
	if got := percent(); got != collectPercent {
		t.Errorf("%d %% while a load lasts", got)
	}
	if undo(); percent() != before {
		t.Errorf("%d %% after it, %d before", percent(), before)
	}
	t.Setenv("GOGC", "50")
	undo = CollectLess()
	if got := percent(); got != before {
		t.Errorf("%d %% although GOGC is set", got)
	}
	undo()
}
