package state

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// proc is a folder that looks like /proc, with one line of arguments per process.
func proc(t *testing.T, lines map[string]string) replayer {
	t.Helper()
	root := t.TempDir()
	for pid, line := range lines {
		if err := os.MkdirAll(filepath.Join(root, pid), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, pid, "cmdline"), []byte(line), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return replayer{root}
}

// The process that replays is found by the title that PostgreSQL gives it, and never guessed.
func TestReplayerIsFound(t *testing.T) {
	for _, tt := range []struct {
		name  string
		lines map[string]string
		want  int
	}{
		{"plain", map[string]string{"1": "postgres\x00-D\x00/data\x00", "27": "postgres: startup recovering 000000010000000000000003\x00\x00\x00"}, 27},
		{"named cluster", map[string]string{"31": "postgres: app: startup recovering 000000010000000000000003", "32": "postgres: app: checkpointer "}, 31},
		{"idle", map[string]string{"31": "postgres: app: startup \x00"}, 31},
		{"a primary", map[string]string{"1": "postgres", "32": "postgres: app: walwriter "}, 0},
		{"a client's name", map[string]string{"40": "postgres: app: startup_user app 10.0.0.7(5123) idle"}, 0},
		{"no server", map[string]string{"1": "sh\x00-c\x00postgres: startup\x00"}, 0},
		{"two servers", map[string]string{"31": "postgres: a: startup recovering 1", "41": "postgres: b: startup recovering 1"}, 0},
	} {
		r := proc(t, tt.lines)
		if got := r.find(); got != tt.want {
			t.Errorf("%s: found %d, want %d", tt.name, got, tt.want)
		}
		if err := r.signal(sigContinue); tt.want == 0 && !errors.Is(err, errNoReplayer) {
			t.Errorf("%s: %v, want errNoReplayer", tt.name, err)
		}
	}
}
