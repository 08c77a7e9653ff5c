package proc

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// CPUs is how many processors the container may use by its cgroup, on cgroup v1 and v2; 0 is no limit. ErrNotHere if that can't
// be seen.
func (p *Process) CPUs() (float64, error) {
	folder, v2 := p.cgroup("cpu")
	var words []string
	for _, name := range map[bool][]string{true: {"cpu.max"}, false: {"cpu.cfs_quota_us", "cpu.cfs_period_us"}}[v2] {
		text, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			return 0, fmt.Errorf("CPU limit of PID %d: %w: %w", p.PID, ErrNotHere, err)
		}
		words = append(words, strings.Fields(string(text))...)
	}
	if len(words) != 2 || words[0] == "max" || words[0] == "-1" {
		return 0, nil
	}
	quota, err := strconv.ParseFloat(words[0], 64)
	if err != nil {
		return 0, fmt.Errorf("CPU limit of PID %d: %w", p.PID, err)
	}
	period, err := strconv.ParseFloat(words[1], 64)
	if err != nil || period <= 0 {
		return 0, fmt.Errorf("CPU limit of PID %d: period %q: %w", p.PID, words[1], err)
	}
	return quota / period, nil
}

// cgroup is the folder of the container's cgroup for a controller, and whether that is v2. Lines of /proc/PID/cgroup are
// "id:controllers:path"; v2 has id 0 and no controllers, see cgroups(7).
func (p *Process) cgroup(controller string) (folder string, v2 bool) {
	base := filepath.Join(p.root, "sys/fs/cgroup")
	var unified string
	for line := range strings.Lines(p.cgroups) {
		f := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(f) != 3 {
			continue
		}
		if slices.Contains(strings.Split(f[1], ","), controller) {
			return filepath.Join(base, controller, f[2]), false
		}
		if f[0] == "0" && f[1] == "" {
			unified = f[2]
		}
	}
	return filepath.Join(base, unified), true
}
