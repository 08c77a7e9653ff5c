package compose

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/volume"
)

// ErrLeft means that something that Down should have removed is still there.
var ErrLeft = errors.New("left behind")

const (
	// downTries is how often Down looks again: an engine that is busy with a container says so and must be asked again,
	// and one that was told to start a container by a Compose that has since been stopped may still finish that.
	downTries = 40
	downEvery = 250 * time.Millisecond
)

// Down removes the project's containers, networks and volumes, looks that they are gone, and names what is not: ErrLeft.
// It goes by labels alone, so any process may call it, and twice.
func (s *Stack) Down(ctx context.Context) error {
	return errors.Join(s.remove(ctx), s.unlock())
}

// unlock lets other processes have the project.
func (s *Stack) unlock() error {
	if s.lock == nil {
		return nil
	}
	err := s.lock.Close()
	s.lock = nil
	return err
}

func (s *Stack) remove(ctx context.Context) error {
	var left []resource
	var err error
	for range downTries {
		if left, err = s.left(ctx); err == nil && len(left) == 0 {
			return nil
		}
		if err == nil {
			err = removeAll(ctx, left)
		}
		if err != nil && !sleep(ctx, downEvery) {
			break
		}
	}
	if err == nil {
		err = context.Cause(ctx)
	}
	if s.stranded(ctx, left) {
		return fmt.Errorf("%w: project %s: %s: %w; mend: restart the Docker daemon, then gauntlet down %s", ErrLeft, s.Project, brief(left), errStranded, s.Topology.Name)
	}
	return fmt.Errorf("%w: project %s: %s: %w; mend: gauntlet down %s", ErrLeft, s.Project, brief(left), err, s.Topology.Name)
}

// errStranded is about networks that can't be removed until the daemon is started again.
var errStranded = errors.New("the engine counts endpoints of containers that are gone, which is a fault of its own (github.com/moby/moby/issues/42119)")

// stranded says whether nothing is left but networks in which there is no container.
func (s *Stack) stranded(ctx context.Context, left []resource) bool {
	for _, r := range left {
		if r.kind != "network" {
			return false
		}
		n, err := s.engine.api.NetworkInspect(ctx, r.name, network.InspectOptions{})
		if err != nil || len(n.Containers) > 0 {
			return false
		}
	}
	return len(left) > 0 && ctx.Err() == nil
}

// resource is a container, network or volume of a stack.
type resource struct {
	kind, name string
	remove     func(ctx context.Context) error
}

// left lists all that there is of the stack, in an order in which it can be removed.
func (s *Stack) left(ctx context.Context) ([]resource, error) {
	api, ours := s.engine.api, s.ours()
	on, err := s.containers(ctx)
	if err != nil {
		return nil, fmt.Errorf("containers of %s: %w", s.Project, err)
	}
	nets, err := api.NetworkList(ctx, network.ListOptions{Filters: ours})
	if err != nil {
		return nil, fmt.Errorf("networks of %s: %w", s.Project, err)
	}
	vols, err := api.VolumeList(ctx, volume.ListOptions{Filters: ours})
	if err != nil {
		return nil, fmt.Errorf("volumes of %s: %w", s.Project, err)
	}
	var out []resource
	for _, c := range on {
		out = append(out, resource{"container", c.Labels[labelService], func(ctx context.Context) error {
			return api.ContainerRemove(ctx, c.ID, container.RemoveOptions{Force: true, RemoveVolumes: true})
		}})
	}
	for _, n := range nets {
		out = append(out, resource{"network", n.Name, func(ctx context.Context) error { return api.NetworkRemove(ctx, n.ID) }})
	}
	for _, v := range vols.Volumes {
		out = append(out, resource{"volume", v.Name, func(ctx context.Context) error { return api.VolumeRemove(ctx, v.Name, true) }})
	}
	return out, nil
}

// removeAll removes the containers, all at once, and then the rest, which they hold on to.
func removeAll(ctx context.Context, all []resource) error {
	errs := make([]error, len(all))
	each(len(all), func(i int) {
		if all[i].kind == "container" {
			errs[i] = ignoreGone(all[i].remove(ctx))
		}
	})
	for i, r := range all {
		if r.kind != "container" {
			errs[i] = ignoreGone(r.remove(ctx))
		}
	}
	return errors.Join(errs...)
}

// ignoreGone drops the engine's answer that there is no such thing.
func ignoreGone(err error) error {
	if errdefs.IsNotFound(err) {
		return nil
	}
	return err
}

// brief names some resources and counts the rest.
func brief(all []resource) string {
	const most = 4
	var names []string
	for _, r := range all[:min(most, len(all))] {
		names = append(names, r.kind+" "+r.name)
	}
	if len(all) > most {
		names = append(names, fmt.Sprintf("%d more", len(all)-most))
	}
	return strings.Join(names, ", ")
}
