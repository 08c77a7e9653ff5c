//go:build linux

package resource

import (
	"context"
	"errors"
	"fmt"

	"gauntlet/chaos"
)

// burn starts a child that burns CPU in the target's cgroup.
func (w *Worker) burn(ctx context.Context, g *cgroup, r *chaos.ResourceLoad) (load, string, error) {
	c, err := w.spawn(ctx, g, "burn", r.CPUs, "cpu", "cpuacct", "cpuset")
	if err != nil {
		return nil, "", err
	}
	if err := c.begin(ctx); err != nil {
		return nil, "", errors.Join(err, c.clear())
	}
	return c, fmt.Sprintf("PID %d burns %v cores in the target's cgroup", c.cmd.Process.Pid, r.CPUs), nil
}
