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

// Inject says when the targets felt it, how exactly that is known and what was seen, and returns the undo.
func (n *Noop) Inject(_ context.Context, _ chaos.Runtime, on []chaos.Container) (chaos.Effect, chaos.Heal, error) {
	fmt.Println("inject", n.Word, on[0].Name)
	heal := func(context.Context) error { // called once or more often; gone is healed
		fmt.Println("heal", on[0].Name)
		return nil
	}
	return chaos.Effect{Began: time.Now(), Proof: "said " + n.Word}, heal, nil
}

// A new kind needs two methods; the engine does the rest: timing, targets, undo on cancel, undo log.
func Example_noop() {
	rt := chaostest.NewFake(chaos.Container{Service: "web1", Tier: "web"}, chaos.Container{Service: "db1", Tier: "db"})
	steps := []chaos.Step{{For: 10 * time.Millisecond, On: chaos.Selector{Tier: "db"}, Fault: &Noop{Word: "boo"}}}
	err := chaos.Run(context.Background(), rt, 1, time.Now(), steps, chaos.Options{
		Emit: func(w chaos.Window) { fmt.Println(w.Fault, w.On, w.Proof, "healed:", !w.Healed.IsZero()) },
	})
	fmt.Println(err)
	// Output:
	// inject boo db1
	// noop [db1] said boo healed: false
	// heal db1
	// noop [db1] said boo healed: true
	// <nil>
}
