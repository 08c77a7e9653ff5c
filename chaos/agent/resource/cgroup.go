//go:build linux

package resource

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"gauntlet/chaos/proc"
)

// cgroup is where a process of the target stands in the host's cgroup file system.
type cgroup struct {
	root  string            // "/", or in tests a folder that looks like it
	id    string            // of the container
	v1    map[string]string // path of each controller that has a hierarchy of its own; empty on a host with v2 only
	field map[string]string // the list of controllers as the kernel names it, which is often the folder's name
	v2    string            // path in the unified hierarchy
}

// findCgroup reads /proc/PID/cgroup. It fails with proc.ErrNotHere unless the process is the container's.
func findCgroup(root string, pid int, id string) (*cgroup, error) {
	text, err := os.ReadFile(filepath.Join(root, "proc", strconv.Itoa(pid), "cgroup"))
	if errors.Is(err, fs.ErrNotExist) || pid <= 0 || id == "" {
		return nil, fmt.Errorf("PID %d: %w", pid, proc.ErrNotHere)
	}
	if err != nil {
		return nil, fmt.Errorf("PID %d: %w", pid, err)
	}
	if !strings.Contains(string(text), id) {
		return nil, fmt.Errorf("PID %d belongs to something else than container %.12s: %w", pid, id, proc.ErrNotHere)
	}
	return parseCgroup(root, id, string(text)), nil
}

// parseCgroup reads lines "id:controllers:path"; v2 has id 0 and no controllers, see cgroups(7).
func parseCgroup(root, id, text string) *cgroup {
	c := &cgroup{root: root, id: id, v1: map[string]string{}, field: map[string]string{}}
	for line := range strings.Lines(text) {
		f := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(f) != 3 || strings.HasPrefix(f[1], "name=") {
			continue
		}
		if f[1] == "" {
			c.v2 = f[2]
			continue
		}
		for name := range strings.SplitSeq(f[1], ",") {
			c.v1[name], c.field[name] = f[2], f[1]
		}
	}
	return c
}

// unified says whether a controller, by its name in v1, belongs to v2. A host may have both: a controller is in one of them.
func (c *cgroup) unified(controller string) bool {
	_, separate := c.v1[controller]
	return !separate
}

// dir is the folder of the process's own cgroup of a controller, by its name in v1.
func (c *cgroup) dir(controller string) (string, error) {
	base := filepath.Join(c.root, "sys/fs/cgroup")
	if len(c.v1) == 0 {
		return filepath.Join(base, c.v2), nil
	}
	path, separate := c.v1[controller]
	if !separate {
		return c.hybrid(base, controller)
	}
	for _, name := range []string{controller, c.field[controller]} {
		if dir := filepath.Join(base, name, path); isDir(dir) {
			return dir, nil
		}
	}
	return "", fmt.Errorf("cgroup of controller %s at %s is not visible here", controller, path)
}

// hybrid is the folder in v2 on a host that has v1 too: mounted alone, or beside the hierarchies of v1.
func (c *cgroup) hybrid(base, controller string) (string, error) {
	for _, mount := range []string{base, filepath.Join(base, "unified")} {
		text, err := os.ReadFile(filepath.Join(mount, "cgroup.controllers"))
		if err == nil && slices.Contains(strings.Fields(string(text)), inV2(controller)) {
			return filepath.Join(mount, c.v2), nil
		}
	}
	return "", fmt.Errorf("this host has no cgroup controller %s", controller)
}

// inV2 is what v2 calls a controller of v1.
func inV2(controller string) string {
	switch controller {
	case blkio:
		return "io"
	case "cpuacct":
		return "cpu" // it counts too
	}
	return controller
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// containerDir is the folder of the whole container's cgroup, which has its limits: a container may have cgroups of its own below.
func (c *cgroup) containerDir(controller string) (string, error) {
	dir, err := c.dir(controller)
	if err != nil {
		return "", err
	}
	for up := dir; len(up) > len(c.root); up = filepath.Dir(up) {
		if strings.Contains(filepath.Base(up), c.id) {
			return up, nil
		}
	}
	return dir, nil
}

// join moves a process into the target's cgroups of these controllers.
func (c *cgroup) join(pid int, controllers ...string) error {
	joined := map[string]bool{}
	for _, name := range controllers {
		dir, err := c.dir(name)
		if err != nil {
			return err
		}
		if joined[dir] {
			continue // those of v2 are all one
		}
		joined[dir] = true
		if err := os.WriteFile(filepath.Join(dir, "cgroup.procs"), []byte(strconv.Itoa(pid)), 0); err != nil {
			return fmt.Errorf("move into the target's cgroup: %w", err)
		}
	}
	return nil
}

// holds says whether a process is in the target's cgroup of a controller.
func (c *cgroup) holds(pid int, controller string) error {
	text, err := os.ReadFile(filepath.Join(c.root, "proc", strconv.Itoa(pid), "cgroup"))
	if err != nil {
		return err
	}
	its := parseCgroup(c.root, c.id, string(text))
	if its.v1[controller] != c.v1[controller] || c.unified(controller) && its.v2 != c.v2 {
		return fmt.Errorf("PID %d has left the target's cgroup", pid)
	}
	return nil
}

// memory is what a container's memory cgroup says, in bytes.
type memory struct {
	limit int64 // math.MaxInt64: none
	used  int64 // without the page cache that the kernel can take back at once
	kills int64 // by the kernel's OOM killer
}

func (c *cgroup) memory() (memory, error) {
	dir, err := c.containerDir("memory")
	if err != nil {
		return memory{}, err
	}
	limit, usage, cache, events := "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file", "memory.oom_control"
	if c.unified("memory") {
		limit, usage, cache, events = "memory.max", "memory.current", "inactive_file", "memory.events"
	}
	var m memory
	if m.limit, err = readNumber(filepath.Join(dir, limit)); err != nil {
		return m, err
	}
	if m.limit > math.MaxInt64-1<<20 { // v1 says the largest multiple of a page
		m.limit = math.MaxInt64
	}
	if m.used, err = readNumber(filepath.Join(dir, usage)); err != nil {
		return m, err
	}
	stat, err := readKeys(filepath.Join(dir, "memory.stat"))
	if err != nil {
		return m, err
	}
	m.used = max(0, m.used-stat[cache])
	counts, err := readKeys(filepath.Join(dir, events))
	m.kills = counts["oom_kill"]
	return m, err
}

// readNumber reads a file with one number, or "max".
func readNumber(path string) (int64, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	word := strings.TrimSpace(string(text))
	if word == "max" {
		return math.MaxInt64, nil
	}
	n, err := strconv.ParseInt(word, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", path, err)
	}
	return n, nil
}

// readKeys reads a file of lines "name number"; what else they hold is left out.
func readKeys(path string) (map[string]int64, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	out := map[string]int64{}
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) > 1 {
			if n, err := strconv.ParseInt(f[1], 10, 64); err == nil {
				out[f[0]] = n
			}
		}
	}
	return out, nil
}
