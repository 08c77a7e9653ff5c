package deaths

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
)

// members are the project's containers.
func (y *yard) members(ctx context.Context) ([]container.Summary, error) {
	return y.cli.ContainerList(ctx, container.ListOptions{All: true, Filters: filters.NewArgs(filters.Arg("label", "com.docker.compose.project="+y.project))})
}

// address is a member's own address.
func (y *yard) address(ctx context.Context, name string) (string, error) {
	info, err := y.cli.ContainerInspect(ctx, y.full(name))
	if err != nil {
		return "", err
	}
	for _, n := range info.NetworkSettings.Networks {
		if n.IPAddress != "" {
			return n.IPAddress, nil
		}
	}
	return "", fmt.Errorf("%s has no address", name)
}

// memory is what the engine counts in a member's cgroup.
func (y *yard) memory(ctx context.Context, name string) (uint64, error) {
	res, err := y.cli.ContainerStatsOneShot(ctx, y.full(name))
	if err != nil {
		return 0, err
	}
	defer func() { _ = res.Body.Close() }()
	var s container.StatsResponse
	err = json.NewDecoder(res.Body).Decode(&s)
	return s.MemoryStats.Usage, err
}
