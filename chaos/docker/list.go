package docker

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/go-connections/nat"
	"golang.org/x/sync/errgroup"

	"gauntlet/chaos"
)

// inspectors is how many containers are inspected at the same time.
const inspectors = 8

// List returns the project's containers, also those that are down, without one-off ones and Gauntlet's own, sorted by name.
func (r *Runtime) List(ctx context.Context) ([]chaos.Container, error) {
	all, err := r.cli.ContainerList(ctx, container.ListOptions{
		All: true, Filters: filters.NewArgs(filters.Arg("label", labelProject+"="+r.opts.Project)),
	})
	if err != nil {
		return nil, fmt.Errorf("docker: list project %s: %w", r.opts.Project, err)
	}
	all = slices.DeleteFunc(all, func(c container.Summary) bool { return refusal(r.opts.Project, c.Labels) != "" })
	out := make([]chaos.Container, len(all))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(inspectors)
	for i, c := range all {
		g.Go(func() error {
			info, err := r.inspect(ctx, c.ID)
			if err == nil {
				out[i] = describe(info)
			} else if !errors.Is(err, chaos.ErrGone) {
				return err
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	out = slices.DeleteFunc(out, func(c chaos.Container) bool { return c.ID == "" })
	nameAll(out)
	return out, nil
}

// refusal says why a container with those labels may not be touched; "" if it may.
func refusal(project string, labels map[string]string) string {
	switch {
	case labels[labelInternal] != "":
		return "it is one of Gauntlet's own helpers (label " + labelInternal + ")"
	case labels[labelProject] != project:
		return fmt.Sprintf("it belongs to Compose project %q, not to %q", labels[labelProject], project)
	case labels[labelOneOff] == "True":
		return "it is a one-off container (docker compose run), not a service"
	}
	return ""
}

// inspect asks for the container as it is now, and refuses those out of scope.
func (r *Runtime) inspect(ctx context.Context, id string) (container.InspectResponse, error) {
	info, err := r.cli.ContainerInspect(ctx, id)
	if err != nil {
		return info, engineErr(short(id), err)
	}
	if info.ContainerJSONBase == nil || info.State == nil || info.Config == nil {
		return info, fmt.Errorf("%s: the engine's answer has no state", short(id))
	}
	if why := refusal(r.opts.Project, info.Config.Labels); why != "" {
		return info, fmt.Errorf("%w %s: %s", chaos.ErrRefused, short(id), why)
	}
	return info, nil
}

func short(id string) string { return id[:min(12, len(id))] }

// describe turns the engine's answer into a Container whose Name is still the service alone.
func describe(info container.InspectResponse) chaos.Container {
	labels := info.Config.Labels
	index, err := strconv.Atoi(labels[labelNumber])
	if err != nil {
		index = 1
	}
	c := chaos.Container{
		ID: info.ID, Name: labels[labelService], Service: labels[labelService], Index: index,
		Tier: labels[labelTier], Region: labels[labelRegion], State: stateOf(info.State), Labels: labels,
	}
	if c.State == chaos.Running || c.State == chaos.Paused {
		c.PID = info.State.Pid
	}
	c.Image, c.Env, c.Ports, c.Quota = info.Config.Image, info.Config.Env, ports(info.Config.ExposedPorts), quotaOf(info.HostConfig)
	c.HostNetwork = info.HostConfig != nil && info.HostConfig.NetworkMode.IsHost()
	c.Networks = attachments(info.NetworkSettings)
	return c
}

// ports are the TCP ports that are declared, sorted.
func ports(declared nat.PortSet) []uint16 {
	var out []uint16
	for p := range declared {
		if n := p.Int(); p.Proto() == "tcp" && n > 0 && n <= math.MaxUint16 {
			out = append(out, uint16(n))
		}
	}
	slices.Sort(out)
	return out
}

// attachments are the networks in which the container has an address now, sorted by name.
func attachments(s *container.NetworkSettings) []chaos.Attachment {
	var out []chaos.Attachment
	if s == nil {
		return nil
	}
	for name, e := range s.Networks {
		if e == nil {
			continue
		}
		a := chaos.Attachment{Network: name}
		a.Addr, _ = netip.ParseAddr(e.IPAddress) // "" while it is down: no address
		a.Addr6, _ = netip.ParseAddr(e.GlobalIPv6Address)
		if a.Addr.IsValid() || a.Addr6.IsValid() {
			out = append(out, a)
		}
	}
	slices.SortFunc(out, func(a, b chaos.Attachment) int { return strings.Compare(a.Network, b.Network) })
	return out
}

// stateOf is what the container is doing. One that waits for its restart policy runs nothing: it counts as exited.
func stateOf(s *container.State) chaos.State {
	switch {
	case s.Dead || s.Status == container.StateRemoving:
		return chaos.Gone
	case s.Paused:
		return chaos.Paused
	case s.Running && !s.Restarting:
		return chaos.Running
	}
	return chaos.Exited
}

// nameAll gives each container the name that people read: its service, with "-index" only if the service has several. One that an
// autoscaler made always has its index and does not count: it comes and goes, and the others keep their names.
func nameAll(all []chaos.Container) {
	count := map[string]int{}
	for _, c := range all {
		if c.Labels[labelScaled] == "" {
			count[c.Service]++
		}
	}
	for i, c := range all {
		if count[c.Service] > 1 || c.Labels[labelScaled] != "" {
			all[i].Name = numbered(c.Service, strconv.Itoa(c.Index))
		}
	}
	slices.SortFunc(all, func(a, b chaos.Container) int {
		if a.Service == b.Service {
			return a.Index - b.Index
		}
		return strings.Compare(a.Service, b.Service)
	})
}

func numbered(service, index string) string { return service + "-" + index }
