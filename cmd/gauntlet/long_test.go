package main

import (
	"flag"
	"os"
	"testing"

	"gauntlet/cmd/exclusive"
)

// With -long also topologies of dozens of containers are run: give -timeout 60m.
var long = flag.Bool("long", false, "run the experiments of large topologies, too")

// needLong skips without -long, and waits for the machine's turn.
func needLong(t *testing.T) {
	t.Helper()
	if !*long {
		t.Skip("without -long: not tested: " + t.Name())
	}
	if os.Getenv("GAUNTLET_DOCKER") == "off" {
		t.Skip("GAUNTLET_DOCKER=off: not tested: " + t.Name() + " on real containers")
	}
	exclusive.Turn(t)
}
