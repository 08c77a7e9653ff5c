package chaos

import (
	"fmt"
	"strings"
	"time"
)

// KindDoc describes one kind of fault to people.
type KindDoc struct {
	Name    string
	Group   string   // life, network, http, resources, state, load
	Summary string   // one line
	Effect  string   // when it begins: what is seen
	Undo    string   // what heals it
	Example string   // one step in YAML
	Events  []string // engine events that it causes on its targets, see Event
}

// Checker is a fault whose fields can be wrong. Parsers and Run ask it before anything is touched.
type Checker interface {
	Check() error
}

// Scaler is a fault that can be weaker, for ramps.
type Scaler interface {
	// Scale is the fault at a share of its strength, (0,1].
	Scale(share float64) Fault
}

// Fielder is a fault that has fields.
type Fielder interface {
	// Fields are the fault's keys in YAML, bound to it.
	Fields() []Field
}

// FieldsOf are the fault's keys in YAML, bound to it; none if it has none.
func FieldsOf(f Fault) []Field {
	if f, ok := f.(Fielder); ok {
		return f.Fields()
	}
	return nil
}

// makers are the kinds with their defaults.
var makers = map[string]func() Fault{
	"kill":        func() Fault { return &Kill{} },
	"crash":       func() Fault { return &Crash{} },
	"pause":       func() Fault { return &Pause{} },
	"stop":        func() Fault { return &Stop{Timeout: 10 * time.Second} },
	"restart":     func() Fault { return &Restart{Timeout: 10 * time.Second} },
	"roll":        func() Fault { return &Roll{Timeout: 10 * time.Second} },
	"signal":      func() Fault { return &Signal{} },
	"remove":      func() Fault { return &Remove{} },
	"scale":       func() Fault { return &Scale{To: -1} },
	"partition":   func() Fault { return &Partition{} },
	"delay":       func() Fault { return &Delay{} },
	"loss":        func() Fault { return &Loss{} },
	"duplicate":   func() Fault { return &Duplicate{} },
	"corrupt":     func() Fault { return &Corrupt{} },
	"reorder":     func() Fault { return &Reorder{Delay: 10 * time.Millisecond} },
	"bandwidth":   func() Fault { return &Bandwidth{} },
	"reset":       func() Fault { return &Reset{} },
	"refuse":      func() Fault { return &Refuse{} },
	"dns":         func() Fault { return &DNS{} },
	"http":        func() Fault { return &HTTP{Share: 1} },
	"cpu":         func() Fault { return &CPU{} },
	"memory":      func() Fault { return &Memory{} },
	"io":          func() Fault { return &IO{} },
	"disk":        func() Fault { return &Disk{} },
	"flush":       func() Fault { return &Flush{} },
	"poison":      func() Fault { return &Poison{Count: 1} },
	"exhaust":     func() Fault { return &Exhaust{Server: "postgres"} },
	"lock":        func() Fault { return &Lock{} },
	"slow-replay": func() Fault { return &SlowReplay{} },
	"spike":       func() Fault { return &Spike{Factor: 2} },
}

// New makes a fault of that kind with its defaults, as a pointer whose exported fields are its YAML.
// A kind that does not exist is ErrUnknownKind and the message lists those that do.
func New(kind string) (Fault, error) {
	if maker, ok := makers[kind]; ok {
		return maker(), nil
	}
	return nil, fmt.Errorf("%w %q: there are: %s", ErrUnknownKind, kind, strings.Join(KindNames(), ", "))
}

// KindNames are the names of all kinds, in the order of Kinds.
func KindNames() []string {
	var names []string
	for _, k := range Kinds() {
		names = append(names, k.Name)
	}
	return names
}
