package chaos

import (
	"fmt"
	"slices"
)

// Guard limits how much of the system a step may take, counting what other steps disturb already. The zero value allows all.
type Guard struct {
	KeepHealthy int     // of each service that is hit, so many containers must be left running and undisturbed
	MaxShare    float64 // of the project's containers, at most this share may be disturbed at once, (0,1]; 0 is no limit
}

// Check refuses limits that can't be.
func (g Guard) Check() error {
	if g.KeepHealthy < 0 || g.MaxShare < 0 || g.MaxShare > 1 {
		return fmt.Errorf("%w: guard: keep_healthy must be 0 or more, max_percent 1 to 100", ErrBadStep)
	}
	return nil
}

// allow is ErrGuard if the step would take too much.
func (g Guard) allow(all, on []Container, held map[string][]Family) error {
	disturbed := func(c Container) bool {
		return len(held[c.Name]) > 0 || slices.ContainsFunc(on, func(t Container) bool { return t.Name == c.Name })
	}
	if err := g.keep(all, on, disturbed); err != nil {
		return err
	}
	count := 0
	for _, c := range all {
		if disturbed(c) {
			count++
		}
	}
	if g.MaxShare > 0 && float64(count) > g.MaxShare*float64(len(all)) {
		return fmt.Errorf("%w: %d of %d containers would be disturbed, more than %s", ErrGuard, count, len(all), percent(g.MaxShare))
	}
	return nil
}

func (g Guard) keep(all, on []Container, disturbed func(Container) bool) error {
	if g.KeepHealthy == 0 {
		return nil
	}
	for _, t := range on {
		healthy := 0
		for _, c := range all {
			if c.Service == t.Service && c.State == Running && !disturbed(c) {
				healthy++
			}
		}
		if healthy < g.KeepHealthy {
			return fmt.Errorf("%w: service %s would keep %d healthy containers, keep_healthy asks for %d", ErrGuard, t.Service, healthy, g.KeepHealthy)
		}
	}
	return nil
}
