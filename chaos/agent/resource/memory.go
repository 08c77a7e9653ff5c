//go:build linux

package resource

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"

	"gauntlet/chaos"
)

// fillMemory starts a child that holds memory in the target's cgroup. It is the first that the kernel kills when memory runs out,
// so that pressure does not become a crash, unless a share of 1 asks for one.
func (w *Worker) fillMemory(ctx context.Context, g *cgroup, r *chaos.ResourceLoad) (load, string, error) {
	before, err := g.memory()
	if err != nil {
		return nil, "", err
	}
	bytes, err := memoryToTake(before, r)
	if err != nil {
		return nil, "", err
	}
	if before.limit == math.MaxInt64 {
		if err := w.hostHas(bytes); err != nil {
			return nil, "", err
		}
	}
	work := "hold"
	if r.MemoryShare == 1 {
		work = "pile"
	}
	c, err := w.spawn(ctx, g, work, float64(bytes), "memory")
	if err != nil {
		return nil, "", err
	}
	if r.MemoryShare == 1 {
		err = w.runOut(ctx, g, c, before.kills)
	} else if err = g.setScore(c.cmd.Process.Pid, killedFirst); err == nil {
		err = c.begin(ctx)
	}
	if err != nil {
		return nil, "", errors.Join(err, c.clear())
	}
	if r.MemoryShare == 1 {
		return c, "the target's memory ran out, and the kernel's OOM killer acted", nil
	}
	after, err := g.memory()
	if err != nil {
		return nil, "", errors.Join(err, c.clear())
	}
	return c, fmt.Sprintf("PID %d holds %d MiB; the target's cgroup uses %d MiB", c.cmd.Process.Pid, bytes>>20, after.used>>20), nil
}

// runOut lets the child take more than there is and waits until the kernel has killed one of the target's processes for it, or all
// of them are gone. For as long as that takes they, and not the child, are the first that the kernel kills.
//
// Note: to make the child the last one instead (a score of -1000) takes CAP_SYS_RESOURCE, which an engine that is in a container
// itself may not be able to give.
func (w *Worker) runOut(ctx context.Context, g *cgroup, c *child, kills int64) error {
	restore, err := g.offer(c.cmd.Process.Pid)
	if err != nil {
		return err
	}
	acted := func() bool {
		now, err := g.memory()
		return err == nil && now.kills > kills
	}
	err = c.beginUntil(ctx, acted)
	over := acted() || c.endedInPeace()
	if rerr := restore(); rerr != nil {
		return rerr
	}
	if over {
		return nil
	}
	return errors.Join(err, errors.New("resource: the target's memory is full, but the kernel's OOM killer did not act; is there swap?"))
}

// memoryToTake is how many bytes a child must take.
func memoryToTake(m memory, r *chaos.ResourceLoad) (int64, error) {
	if r.MemoryBytes > 0 {
		if r.MemoryBytes > m.limit-m.used {
			return 0, fmt.Errorf("resource: %d bytes of memory are more than the %d that the target's limit leaves; a memory_share of 1 is how to ask for the OOM killer", r.MemoryBytes, m.limit-m.used)
		}
		return r.MemoryBytes, nil
	}
	if m.limit == math.MaxInt64 {
		return 0, errors.New("resource: the target has no memory limit to take a share of: set one, or name a number of bytes")
	}
	take := int64(r.MemoryShare*float64(m.limit)) - m.used
	if r.MemoryShare == 1 {
		take = m.limit // more than is free, whatever the target gives back meanwhile
	}
	if take <= 0 {
		return 0, fmt.Errorf("resource: the target already uses %d of %d bytes of memory: %w", m.used, m.limit, chaos.ErrWrongState)
	}
	return take, nil
}

// spare is how much of what belongs to the whole host is always left, in bytes: of memory, and of the space of a disk.
const spare = 256 << 20

// hostHas refuses to take memory that the host itself needs.
func (w *Worker) hostHas(bytes int64) error {
	keys, err := readKeys(filepath.Join(w.root, "proc/meminfo"))
	if err != nil {
		return err
	}
	if free := keys["MemAvailable:"] << 10; bytes > free-spare {
		return fmt.Errorf("resource: %d bytes of memory would leave the host less than %d MiB: %w", bytes, spare>>20, chaos.ErrRefused)
	}
	return nil
}
