package history

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestJanitorNotes(t *testing.T) {
	dir := t.TempDir()
	if got := janitorNotes(dir, time.Now()); got != nil {
		t.Errorf("without a file: %v", got)
	}
	text := `{"at":"2026-01-01T00:00:00Z","what":"begun"}
{"at":"2026-01-01T00:00:05Z","what":"lost","cause":"EOF","open":1}
{"at":"2026-01-01T00:00:06Z","what":"healed","report":"healed: db1","took_ns":700000000}
{"at":"2026-01-01T00:00:07Z","what":"failed","report":"STILL DISTURBED: db1","cause":"no engine"}
{"at":"2026-01-01T00:0`
	if err := os.WriteFile(filepath.Join(dir, JanitorFile), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	got := janitorNotes(dir, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	want := []Note{
		{5 * time.Second, NoteJanitor, "the janitor lost Gauntlet: EOF"},
		{6 * time.Second, NoteJanitor, "the janitor took 0.7 s: healed: db1"},
		{7 * time.Second, NoteUndo, "the janitor could not heal all: STILL DISTURBED: db1 (no engine)"},
	}
	if len(got) != len(want) {
		t.Fatalf("got %v, want %v", got, want)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("got %v, want %v", got[i], want[i])
		}
	}
}
