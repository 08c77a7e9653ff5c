package docker

import (
	"context"
	"fmt"
	"math"

	"github.com/docker/docker/api/types/container"

	"gauntlet/chaos"
)

const (
	quotaPeriod = 100_000 // µs; the kernel's own default
	quotaSlack  = 0.011   // the kernel keeps whole microseconds and no less than 0.01 CPUs
)

// limit sets how many CPUs the container may use; 0 takes the limit away.
func (r *Runtime) limit(ctx context.Context, info container.InspectResponse, cpus float64) (chaos.Effect, error) {
	if cpus < 0 || math.IsNaN(cpus) {
		return chaos.Effect{}, fmt.Errorf("%s: quota of %g CPUs: %w", nameOf(info), cpus, chaos.ErrUnsupported)
	}
	update := container.UpdateConfig{Resources: r.quotaFor(info, cpus)}
	at, seen, err := during(ctx, func(ctx context.Context) error {
		_, err := r.cli.ContainerUpdate(ctx, info.ID, update)
		return err
	}, r.quotaSeen(info, cpus))
	if err != nil {
		return chaos.Effect{}, engineErr(nameOf(info), err)
	}
	now, err := r.confirm(ctx, info.ID, "another limit", func(now container.InspectResponse) bool { return r.limited(now, cpus) == nil })
	if err != nil {
		return chaos.Effect{}, err
	}
	by := "engine says"
	if seen {
		by = "cgroup says"
	}
	return at.effect(fmt.Sprintf("%s %s", by, words(quotaOf(now.HostConfig)))), nil
}

func words(cpus float64) string {
	if cpus == 0 {
		return "no CPU limit"
	}
	return fmt.Sprintf("at most %.3g CPUs", cpus)
}

// quotaFor is the update that the engine accepts: a limit is either NanoCPUs or a quota for a period, and stays what it was made
// as. NanoCPUs can't be taken away again: all CPUs there are come to the same.
func (r *Runtime) quotaFor(info container.InspectResponse, cpus float64) container.Resources {
	if info.HostConfig == nil || info.HostConfig.NanoCPUs == 0 {
		quota := int64(-1)
		if cpus > 0 {
			quota = max(1000, int64(math.Round(cpus*quotaPeriod)))
		}
		return container.Resources{CPUPeriod: quotaPeriod, CPUQuota: quota}
	}
	if cpus == 0 {
		cpus = float64(r.cpus)
	}
	return container.Resources{NanoCPUs: int64(math.Round(max(cpus, 0.01) * 1e9))}
}

// quotaOf is the limit by the engine's word; 0 is none.
func quotaOf(h *container.HostConfig) float64 {
	switch {
	case h == nil:
		return 0
	case h.NanoCPUs > 0:
		return float64(h.NanoCPUs) / 1e9
	case h.CPUQuota > 0 && h.CPUPeriod > 0:
		return float64(h.CPUQuota) / float64(h.CPUPeriod)
	case h.CPUQuota > 0:
		return float64(h.CPUQuota) / quotaPeriod
	}
	return 0
}

// quotaSeen is how to see the limit in the container's cgroup; nil if it can't be seen from here.
func (r *Runtime) quotaSeen(info container.InspectResponse, cpus float64) func() (bool, error) {
	p, err := r.process(info)
	if err != nil {
		return nil
	}
	if _, err := p.CPUs(); err != nil {
		return nil
	}
	return func() (bool, error) {
		now, err := p.CPUs()
		return r.same(now, cpus), err
	}
}

// same says whether a limit is the one that was asked for. No limit is also one that is not below the processors there are, but
// only for containers whose limit the engine can't take away.
func (r *Runtime) same(now, asked float64) bool {
	if asked == 0 {
		return now == 0 || now >= float64(r.cpus)
	}
	return math.Abs(now-asked) < quotaSlack
}

// limited says whether the limit is still the one that was set: from the cgroup where that can be seen, else from the engine.
func (r *Runtime) limited(info container.InspectResponse, cpus float64) error {
	now := quotaOf(info.HostConfig)
	if p, err := r.process(info); err == nil {
		if seen, err := p.CPUs(); err == nil {
			now = seen
		}
	}
	if !r.same(now, cpus) {
		return fmt.Errorf("%w: %s may use: %s, want %s", chaos.ErrEndedEarly, nameOf(info), words(now), words(cpus))
	}
	return nil
}
