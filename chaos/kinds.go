package chaos

import (
	"fmt"
	"strings"
	"time"
)

// KindDoc describes one kind of fault to people.
type KindDoc struct {
	Name    string
	Summary string   // one line
	Fields  []string // "name: what it means", without those that every step has
	Example string   // one step in YAML
	Events  []string // engine events that it causes on its targets, see Event
}

// Kinds lists the faults that New can make, in the order in which people should read them.
func Kinds() []KindDoc {
	return []KindDoc{
		{
			Name: "kill", Summary: "node loss: SIGKILL through the engine, stays down for the step, then started again",
			Example: "{at: 20s, for: 30s, on: {role: postgres-primary}, fault: {kind: kill}}", Events: []string{"die", "start"},
		}, {
			Name: "crash", Summary: "process crash: SIGKILL from outside the engine, so that the restart policy acts as in production",
			Example: "{at: 20s, for: 10s, on: {tier: web, pick: one}, fault: {kind: crash}}", Events: []string{"die", "start"},
		}, {
			Name: "pause", Summary: "freeze: all processes stop for the step and connections stay open, then go on as if nothing had been",
			Example: "{at: 20s, for: 30s, on: {role: postgres-primary}, fault: {kind: pause}}", Events: []string{"pause", "unpause"},
		}, {
			Name: "stop", Summary: "graceful stop: the stop signal, SIGKILL after the timeout, stays down for the step, then started again",
			Fields:  []string{"timeout: how long the process may take to end by itself, 1s to 1m, default 10s"},
			Example: "{at: 20s, for: 30s, on: {service: db2}, fault: {kind: stop, timeout: 5s}}", Events: []string{"die", "start"},
		},
	}
}

// New makes a fault of that kind with its defaults, as a pointer whose exported fields are its YAML.
// A kind that does not exist is ErrUnknownKind and the message lists those that do.
func New(kind string) (Fault, error) {
	switch kind {
	case "kill":
		return &Kill{}, nil
	case "crash":
		return &Crash{}, nil
	case "pause":
		return &Pause{}, nil
	case "stop":
		return &Stop{Timeout: 10 * time.Second}, nil
	}
	var names []string
	for _, k := range Kinds() {
		names = append(names, k.Name)
	}
	return nil, fmt.Errorf("%w %q: there are: %s", ErrUnknownKind, kind, strings.Join(names, ", "))
}

// Checker is a fault whose fields can be wrong. Parsers and Run ask it before anything is touched.
type Checker interface {
	Check() error
}

// Holder is a fault that lasts until it is healed. Run asks it at the end of the step, because a fault that something else
// ended earlier proves nothing about the time that was left.
type Holder interface {
	// Holds says whether the container, as listed now, is still disturbed.
	Holds(Container) bool
}
