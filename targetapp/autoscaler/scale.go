package autoscaler

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"
)

// Hands carry out what was decided; Project is one.
type Hands interface {
	List(ctx context.Context) ([]Container, error)
	Make(ctx context.Context, like Container, number int, address string) (Container, error)
	Remove(ctx context.Context, c Container, drain time.Duration) error
}

var (
	errNoSibling = errors.New("the tier has no container of its own to copy")
	errNotReady  = errors.New("it did not become ready")
)

// tierOf are the containers of a tier.
func tierOf(on []Container, tier string) []Container {
	return slices.DeleteFunc(slices.Clone(on), func(c Container) bool { return c.Tier != tier })
}

// fleet counts a tier.
func fleet(on []Container, last time.Time) Fleet {
	f := Fleet{Last: last}
	for _, c := range on {
		if c.up() {
			f.Running++
		}
		if c.Made {
			f.Made++
		}
	}
	return f
}

// sibling is the one that new containers of the tier are copies of: the first that the topology itself has.
func sibling(on []Container) (Container, error) {
	i := slices.IndexFunc(on, func(c Container) bool { return !c.Made })
	if i < 0 {
		return Container{}, errNoSibling
	}
	return on[i], nil
}

// nextNumber is the lowest number that no container of the service has.
func nextNumber(on []Container, service string) int {
	for n := 1; ; n++ {
		if !slices.ContainsFunc(on, func(c Container) bool { return c.Service == service && c.Number == n }) {
			return n
		}
	}
}

// newest is the one that is removed next: of those that were made, the last.
func newest(on []Container) (Container, bool) {
	made := slices.DeleteFunc(slices.Clone(on), func(c Container) bool { return !c.Made })
	if len(made) == 0 {
		return Container{}, false
	}
	return slices.MaxFunc(made, func(a, b Container) int {
		if d := a.Created.Compare(b.Created); d != 0 {
			return d
		}
		return a.Number - b.Number
	}), true
}

// leftovers are what an autoscaler that was killed in the middle of something left behind: made and never started, or stopped and not
// removed. One that the restart policy starts again is none.
func leftovers(on []Container) []Container {
	return slices.DeleteFunc(slices.Clone(on), func(c Container) bool {
		return !c.Made || c.State != "created" && c.State != "exited" && c.State != "dead"
	})
}

// change adds or removes as many containers of the tier as it says, one after the other, and returns which. It ends at the first error.
func (a *autoscaler) change(ctx context.Context, r Rule, by int) (names []string, err error) {
	for range max(by, -by) {
		all, err := a.hands.List(ctx)
		if err != nil {
			return names, err
		}
		name := ""
		if by > 0 {
			name, err = a.add(ctx, all, tierOf(all, r.Tier))
		} else {
			name, err = a.remove(ctx, tierOf(all, r.Tier), r.Drain)
		}
		if err != nil {
			return names, err
		}
		names = append(names, name)
	}
	return names, nil
}

// add makes one container and waits until it is ready. One that does not become ready is removed again.
func (a *autoscaler) add(ctx context.Context, all, tier []Container) (string, error) {
	like, err := sibling(tier)
	if err != nil {
		return "", err
	}
	address, err := a.addresses.free(all)
	if err != nil {
		return "", err
	}
	c, err := a.hands.Make(ctx, like, nextNumber(all, like.Service), address)
	if err != nil {
		return "", err
	}
	if err := a.ready(ctx, c); err != nil {
		return "", errors.Join(fmt.Errorf("%s: %w", c.Name, err), a.hands.Remove(context.WithoutCancel(ctx), c, time.Second))
	}
	return c.Name, nil
}

func (a *autoscaler) remove(ctx context.Context, tier []Container, drain time.Duration) (string, error) {
	c, ok := newest(tier)
	if !ok {
		return "", fmt.Errorf("%w: there is none left", ErrForeign)
	}
	return c.Name, a.hands.Remove(ctx, c, drain)
}

const (
	readyLimit = 30 * time.Second
	readyEvery = 200 * time.Millisecond
)

// askReady waits until a container says that it is ready. One that says nothing is.
func askReady(ctx context.Context, c Container) error {
	url := c.url("")
	if url == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, readyLimit)
	defer cancel()
	client := &http.Client{Timeout: askLimit}
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		if resp, err := client.Do(req); err == nil {
			resp.Body.Close()
			if resp.StatusCode/100 == 2 {
				return nil
			}
		}
		if !sleep(ctx, readyEvery) {
			return fmt.Errorf("%w within %s", errNotReady, readyLimit)
		}
	}
}

// sleep waits for d; false if ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
