package run

import (
	"fmt"
	"runtime"
	"strconv"
	"strings"

	"gauntlet/compose"
	"gauntlet/experiments/history"
)

// machine describes where the run takes place.
func machine(eng *compose.Engine, opt Options) history.Machine {
	return history.Machine{
		OS: runtime.GOOS, Arch: runtime.GOARCH, Kernel: eng.Kernel, Engine: eng.Version, Compose: eng.ComposeVersion,
		Gauntlet: opt.Version, CPUs: eng.CPUs, MemoryBytes: eng.MemoryBytes,
	}
}

// entryURL is where clients reach the topology.
func entryURL(t compose.Topology, on []compose.Container) (string, error) {
	service, port, _ := strings.Cut(t.Entry, ":")
	number, err := strconv.Atoi(port)
	if err != nil {
		return "", fmt.Errorf("topology %s: entry %q is not service:port", t.Name, t.Entry)
	}
	for _, c := range on {
		if c.Service == service && c.Ports[number] != "" {
			return "http://" + c.Ports[number], nil
		}
	}
	return "", fmt.Errorf("topology %s: nothing is published for its entry %s", t.Name, t.Entry)
}
