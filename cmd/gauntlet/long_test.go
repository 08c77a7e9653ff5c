package main

import (
	"flag"
	"os"
	"testing"

	"gauntlet/cmd/exclusive"
)

// With -long also topologies of dozens of containers are run: give -timeout 60m.
var long = flag.Bool("long", false, "run the experiments of large topologies, too")

// onlyLong skips without -long, and says what is then not tested.
func onlyLong(t *testing.T) {
	t.Helper()
	if !*long {
		t.Skip("without -long: not tested: " + t.Name() + " on real containers")
	}
}

// needLong is for tests that need -long and the machine's turn, but no quiet machine.
func needLong(t *testing.T) {
	t.Helper()
	onlyLong(t)
	if os.Getenv("GAUNTLET_DOCKER") == "off" {
		t.Skip("GAUNTLET_DOCKER=off: not tested: " + t.Name() + " on real containers")
	}
	exclusive.Turn(t)
}
