package chaos

import (
	"fmt"
	"math/rand/v2"
	"slices"
)

// Partition cuts targets off, silently: no packet between the two sides arrives.
type Partition struct {
	Shape     string    // see the constants; "" is isolate, or groups if With is set
	With      *Selector // the other side; none: the rest of the project
	Direction Direction // both (default), in, out: as the targets see it
	Outside   bool      // cut the targets off from everything outside of the project, too
}

// The shapes of partitions. Those below isolate divide the targets among themselves.
const (
	Isolate  = "isolate"  // each target from everybody else, also from other targets
	Groups   = "groups"   // the targets, as one group, from the other side
	Halves   = "halves"   // the targets into two halves
	Minority = "minority" // a minority of the targets from the rest
	Bridge   = "bridge"   // two halves, and one target that sees both
	Ring     = "ring"     // each target sees its two neighbours only
)

// shapes that there are.
var shapes = []string{Isolate, Groups, Halves, Minority, Bridge, Ring}

// Kind is "partition".
func (*Partition) Kind() string { return "partition" }

// Check refuses unknown shapes and directions, and shapes that don't go with another side.
func (p *Partition) Check() error {
	if p.Shape != "" && !slices.Contains(shapes, p.Shape) {
		return fmt.Errorf("%w: partition: shape %q: write isolate, groups, halves, minority, bridge or ring", ErrBadStep, p.Shape)
	}
	if p.With != nil && p.shape() != Groups {
		return fmt.Errorf("%w: partition: shape %s divides the targets themselves; with goes with groups", ErrBadStep, p.Shape)
	}
	if p.Outside && p.shape() != Groups && p.shape() != Isolate {
		return fmt.Errorf("%w: partition: outside goes with isolate and groups", ErrBadStep)
	}
	return Link{With: p.With, Direction: p.Direction}.Check()
}

func (p *Partition) shape() string {
	switch {
	case p.Shape != "":
		return p.Shape
	case p.With != nil:
		return Groups
	}
	return Isolate
}

// Plan drops, at each target that is cut off from somebody, what comes from and goes to those.
func (p *Partition) Plan(s Scene, on []Container) ([]Action, error) {
	cut, err := p.cut(s, on)
	if err != nil {
		return nil, err
	}
	var out []Action
	for i, c := range on {
		r := NetRule{Drop: true, Direction: p.Direction, Peers: addresses(cut[i])}
		if p.Outside {
			r.Peers, r.Spare = nil, addresses(without(s.All, cut[i]))
		} else if len(r.Peers) == 0 {
			continue
		}
		a, err := netAction(c, r)
		if err != nil {
			return nil, err
		}
		out = append(out, a)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%w: partition: nobody is left on the other side", ErrNoTarget)
	}
	return out, nil
}

// cut lists, for each target, whom it no longer reaches.
func (p *Partition) cut(s Scene, on []Container) ([][]Container, error) {
	out := make([][]Container, len(on))
	switch p.shape() {
	case Isolate:
		for i, c := range on {
			out[i] = without(s.All, []Container{c})
		}
	case Groups:
		other := without(s.All, on)
		if p.With != nil {
			var err error
			if other, err = p.With.Resolve(other, s.rng()); err != nil {
				return nil, fmt.Errorf("other side: %w", err)
			}
		}
		for i := range on {
			out[i] = other
		}
	default:
		p.divide(s, on, out)
	}
	return out, nil
}

// divide cuts the targets, in an order drawn with the seed, among themselves.
func (p *Partition) divide(s Scene, on []Container, out [][]Container) {
	order := s.rng().Perm(len(on))
	n := len(on)
	apart := func(a, b int) bool { return p.apart(a, b, n) }
	for a := range n {
		for b := range n {
			if a != b && apart(a, b) {
				out[order[a]] = append(out[order[a]], on[order[b]])
			}
		}
	}
}

// apart says whether the targets at places a and b of n are cut off from each other.
func (p *Partition) apart(a, b, n int) bool {
	side := func(i, first int) bool { return i < first }
	switch p.shape() {
	case Halves:
		return side(a, n/2) != side(b, n/2)
	case Minority:
		return side(a, (n-1)/2) != side(b, (n-1)/2)
	case Bridge:
		last := n - 1 // sees both
		return a != last && b != last && side(a, last/2) != side(b, last/2)
	}
	d := (a - b + n) % n
	return d != 1 && d != n-1 // ring
}

func without(all, some []Container) []Container {
	return slices.DeleteFunc(slices.Clone(all), func(c Container) bool {
		return slices.ContainsFunc(some, func(s Container) bool { return s.Name == c.Name })
	})
}

// rng is the scene's source of chance.
func (s Scene) rng() *rand.Rand { return rand.New(rand.NewPCG(s.Seed, 0)) }
