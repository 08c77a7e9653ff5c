package compose

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/docker/docker/api/types/container"
)

// Usage is what a container has used of the machine so far.
type Usage struct {
	CPU         time.Duration // of all processors together, since it was started
	Memory      uint64        // bytes, without the page cache that could be dropped at once
	MemoryLimit uint64        // bytes; the machine's memory if it has no limit of its own
	Received    uint64        // bytes over all its networks, since it was started
	Sent        uint64
	ReadAt      time.Time
}

// Usage asks the engine once what a container uses. One that does not run has no usage: an error.
func (e *Engine) Usage(ctx context.Context, id string) (Usage, error) {
	r, err := e.api.ContainerStatsOneShot(ctx, id)
	if err != nil {
		return Usage{}, err
	}
	defer r.Body.Close()
	var s container.StatsResponse
	if err := json.NewDecoder(r.Body).Decode(&s); err != nil {
		return Usage{}, fmt.Errorf("statistics of container %.12s: %w", id, err)
	}
	if s.CPUStats.CPUUsage.TotalUsage == 0 {
		return Usage{}, fmt.Errorf("container %.12s does not run", id)
	}
	out := Usage{CPU: time.Duration(s.CPUStats.CPUUsage.TotalUsage), Memory: workingSet(s.MemoryStats), MemoryLimit: s.MemoryStats.Limit, ReadAt: time.Now()}
	for _, n := range s.Networks {
		out.Received, out.Sent = out.Received+n.RxBytes, out.Sent+n.TxBytes
	}
	return out, nil
}

// workingSet is as docker stats shows it: without inactive pages of files, which are called total_inactive_file on cgroup v1 and
// inactive_file on v2.
func workingSet(m container.MemoryStats) uint64 {
	for _, name := range []string{"total_inactive_file", "inactive_file"} {
		if cache, ok := m.Stats[name]; ok && cache < m.Usage {
			return m.Usage - cache
		}
	}
	return m.Usage
}
