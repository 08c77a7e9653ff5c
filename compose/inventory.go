package compose

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/pkg/stdcopy"
)

// Inventory lists the stack's containers by name, with the addresses where they can be reached from this machine. Jobs that
// have ended are not in it.
func (s *Stack) Inventory(ctx context.Context) ([]Container, error) {
	all, err := s.all(ctx)
	return slices.DeleteFunc(all, func(c Container) bool { return c.Ready == readyExit }), err
}

// all lists the containers, jobs included.
func (s *Stack) all(ctx context.Context) ([]Container, error) {
	found, err := s.containers(ctx)
	if err != nil {
		return nil, err
	}
	replicas := map[string]int{}
	for _, c := range found {
		if c.Labels[LabelScaled] == "" {
			replicas[c.Labels[labelService]]++
		}
	}
	var out []Container
	for _, c := range found {
		out = append(out, describe(c, replicas[c.Labels[labelService]]))
	}
	slices.SortFunc(out, func(a, b Container) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}

// describe reads a container's labels and ports. Its name is the service's if that has one container only; what an autoscaler made
// has its number in its name and changes nobody else's, since it comes and goes.
func describe(c container.Summary, replicas int) Container {
	index, _ := strconv.Atoi(c.Labels[labelNumber])
	out := Container{
		ID: c.ID, Name: c.Labels[labelService], Service: c.Labels[labelService], Index: index, State: c.State,
		Tier: c.Labels[LabelTier], Region: c.Labels[LabelRegion], Probe: c.Labels[LabelProbe], Ready: c.Labels[LabelReady], Metrics: c.Labels[LabelMetrics],
		Ports: map[int]string{},
	}
	if replicas > 1 || c.Labels[LabelScaled] != "" {
		out.Name = fmt.Sprintf("%s-%d", out.Service, index)
	}
	for _, p := range c.Ports {
		if addr, err := netip.ParseAddr(p.IP); err == nil && p.PublicPort != 0 {
			out.Ports[int(p.PrivatePort)] = netip.AddrPortFrom(addr, p.PublicPort).String()
		}
	}
	if c.NetworkSettings != nil {
		for _, n := range c.NetworkSettings.Networks {
			out.IP = n.IPAddress
		}
	}
	return out
}

// logLimit is how many lines of each container's log are kept.
const logLimit = "20000"

// Logs writes the end of each container's log into dir/<name>.log.
func (s *Stack) Logs(ctx context.Context, dir string) error {
	on, err := s.all(ctx)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	errs := make([]error, len(on))
	each(len(on), func(i int) { errs[i] = s.log(ctx, on[i], filepath.Join(dir, on[i].Name+".log")) })
	return errors.Join(errs...)
}

func (s *Stack) log(ctx context.Context, c Container, file string) error {
	r, err := s.engine.api.ContainerLogs(ctx, c.ID, container.LogsOptions{ShowStdout: true, ShowStderr: true, Timestamps: true, Tail: logLimit})
	if err != nil {
		return err
	}
	defer r.Close()
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	_, err = stdcopy.StdCopy(f, f, r)
	return errors.Join(err, f.Close())
}

// logTail is the end of a container's log, for errors.
func (s *Stack) logTail(ctx context.Context, c Container) string {
	r, err := s.engine.api.ContainerLogs(ctx, c.ID, container.LogsOptions{ShowStdout: true, ShowStderr: true, Tail: strconv.Itoa(tailLines)})
	if err != nil {
		return ""
	}
	defer r.Close()
	var b strings.Builder
	if _, err := stdcopy.StdCopy(&b, &b, r); err != nil {
		return ""
	}
	return tail(b.String())
}
