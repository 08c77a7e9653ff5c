//go:build linux

package resource

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// mount is one line of /proc/PID/mountinfo, see proc(5).
type mount struct {
	device  string // "major:minor"; major 0 is no block device
	point   string
	kind    string
	options string // of the file system
}

func mountsOf(root string, pid int) ([]mount, error) {
	text, err := os.ReadFile(filepath.Join(root, "proc", strconv.Itoa(pid), "mountinfo"))
	if err != nil {
		return nil, err
	}
	var out []mount
	for line := range strings.Lines(string(text)) {
		before, after, ok := strings.Cut(line, " - ")
		f, g := strings.Fields(before), strings.Fields(after)
		if ok && len(f) > 4 && len(g) > 2 {
			out = append(out, mount{device: f[2], point: unescape(f[4]), kind: g[0], options: g[2]})
		}
	}
	return out, nil
}

// unescape undoes the octal escapes of blanks and the like.
func unescape(s string) string {
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(s)
}

// devicesOf finds the disks behind a process's file systems, in order. An overlay stands on the host's file system that holds
// its upper layer.
func devicesOf(root string, pid int) ([]string, error) {
	mounts, err := mountsOf(root, pid)
	if err != nil {
		return nil, err
	}
	host, err := mountsOf(root, 1)
	if err != nil {
		return nil, fmt.Errorf("the host's mounts: %w", err)
	}
	var out []string
	for _, m := range mounts {
		dev := m.device
		if m.kind == "overlay" {
			dev = behind(host, option(m.options, "upperdir"))
		}
		if dev == "" || strings.HasPrefix(dev, "0:") {
			continue
		}
		if dev = diskOf(root, dev); !slices.Contains(out, dev) {
			out = append(out, dev)
		}
	}
	if len(out) == 0 {
		return nil, errors.New("resource: no block device is behind the target's file systems")
	}
	slices.Sort(out)
	return out, nil
}

// option finds a value in "a,b=c,d".
func option(options, name string) string {
	for o := range strings.SplitSeq(options, ",") {
		if value, ok := strings.CutPrefix(o, name+"="); ok {
			return unescape(value)
		}
	}
	return ""
}

// behind is the device of the file system that a path is on: that of the longest mount point above it, the last of several.
func behind(mounts []mount, path string) string {
	best, dev := -1, ""
	for _, m := range mounts {
		above := m.point == "/" || path == m.point || strings.HasPrefix(path, m.point+"/")
		if path != "" && above && len(m.point) >= best {
			best, dev = len(m.point), m.device
		}
	}
	return dev
}

// diskOf is the whole disk of a partition: limits are set on disks only. Another device is its own.
func diskOf(root, dev string) string {
	dir, err := filepath.EvalSymlinks(filepath.Join(root, "sys/dev/block", dev))
	if err != nil {
		return dev
	}
	if _, err := os.Stat(filepath.Join(dir, "partition")); err != nil {
		return dev
	}
	text, err := os.ReadFile(filepath.Join(filepath.Dir(dir), "dev"))
	if err != nil {
		return dev
	}
	return strings.TrimSpace(string(text))
}
