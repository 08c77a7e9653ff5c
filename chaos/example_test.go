package chaos_test

import (
	"context"
	"fmt"
	"time"

	"gauntlet/chaos"
	"gauntlet/chaos/chaostest"
)

// Noop is the smallest kind of fault: it disturbs nothing. Copy it to begin a new kind.
type Noop struct {
	Word string // each exported field is a key in YAML
}

// Kind is its name in YAML.
func (*Noop) Kind() string { return "noop" }

// Plan says what is done to each target, and how that is undone.
func (n *Noop) Plan(_ chaos.Scene, on []chaos.Container) ([]chaos.Action, error) {
	var out []chaos.Action
	for _, c := range on {
		out = append(out, chaos.Action{
			Target: chaos.Target{ID: c.ID, Name: c.Name}, Do: chaos.Op{Verb: chaos.VerbNoop}, Undo: []chaos.Op{{Verb: chaos.VerbNoop}},
		})
	}
	return out, nil
}

// A new kind needs two methods; the engine does the rest: timing, targets, undo on cancel, undo log, dry run.
func Example_noop() {
	rt := chaostest.NewFake(chaos.Container{Service: "web1", Tier: "web"}, chaos.Container{Service: "db1", Tier: "db"})
	steps := []chaos.Step{{For: 10 * time.Millisecond, On: chaos.Selector{Tier: "db"}, Fault: &Noop{Word: "boo"}}}
	err := chaos.Run(context.Background(), rt, 1, time.Now(), steps, chaos.Options{
		Emit: func(w chaos.Window) { fmt.Println(w.Actions, w.Proof, "healed:", !w.Healed.IsZero()) },
	})
	fmt.Println(err)
	// Output:
	// [db1: noop; undo: noop] db1 is running healed: false
	// [db1: noop; undo: noop] db1 is running healed: true
	// <nil>
}
