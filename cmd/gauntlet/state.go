package main

import (
	"os"
	"path/filepath"
	"runtime/debug"
)

// stateDir is where Gauntlet keeps what must outlive it: $XDG_STATE_HOME/gauntlet or ~/.local/state/gauntlet.
func stateDir() string {
	if dir := os.Getenv("XDG_STATE_HOME"); dir != "" {
		return filepath.Join(dir, "gauntlet")
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return filepath.Join(os.TempDir(), "gauntlet-state")
	}
	return filepath.Join(home, ".local", "state", "gauntlet")
}

// undoDir holds the undo logs.
func undoDir() string { return filepath.Join(stateDir(), "undo") }

// version is the module's version or revision, as far as the executable knows it.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	v := info.Main.Version
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			v += " " + s.Value[:min(12, len(s.Value))]
		}
	}
	return v
}
