//go:build linux

package resource

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"gauntlet/chaos"
	"gauntlet/chaos/proc"
)

// way is one of the two directions of disk traffic: its file on cgroup v1 and its key in io.max on v2.
type way struct{ name, file, key string }

var (
	reading = way{"read", "blkio.throttle.read_bps_device", "rbps"}
	writing = way{"write", "blkio.throttle.write_bps_device", "wbps"}
)

// limits are bytes per second on block devices, set in the target's cgroup.
type limits struct {
	group   *cgroup
	dir     string
	devices []string // "major:minor"
	want    map[way]int64
}

// throttle limits the target's disk bandwidth. It refuses where a limit is set already, because it would have to be put back.
func (w *Worker) throttle(g *cgroup, r *chaos.ResourceLoad) (load, string, error) {
	l, err := w.limitsOf(g, r)
	if err != nil {
		return nil, "", err
	}
	for _, dev := range l.devices {
		for x := range l.want {
			if now, err := l.read(x, dev); err != nil || now != 0 {
				return nil, "", errors.Join(err, fmt.Errorf("resource: a %s limit of %d bytes per second is set on device %s already: %w", x.name, now, dev, chaos.ErrRefused))
			}
		}
	}
	for _, dev := range l.devices {
		for x, rate := range l.want {
			if err := l.write(x, dev, rate); err != nil {
				return nil, "", errors.Join(err, l.clear())
			}
		}
	}
	if err := l.check(); err != nil {
		return nil, "", errors.Join(err, l.clear())
	}
	return l, l.String(), nil
}

// unthrottle removes what an earlier worker set. If the target's process is gone, so is its cgroup with all limits.
func (w *Worker) unthrottle(r *chaos.ResourceLoad) error {
	g, err := findCgroup(w.root, w.pid, w.target)
	if errors.Is(err, proc.ErrNotHere) {
		return nil
	}
	if err != nil {
		return err
	}
	l, err := w.limitsOf(g, r)
	if err != nil {
		return err
	}
	return l.clear()
}

// blkio is what v1 calls the controller of disks.
const blkio = "blkio"

func (w *Worker) limitsOf(g *cgroup, r *chaos.ResourceLoad) (*limits, error) {
	dir, err := g.containerDir(blkio)
	if err != nil {
		return nil, err
	}
	devices, err := devicesOf(w.root, w.pid)
	if err != nil {
		return nil, err
	}
	l := &limits{group: g, dir: dir, devices: devices, want: map[way]int64{}}
	if r.ReadBytesPerSecond > 0 {
		l.want[reading] = r.ReadBytesPerSecond
	}
	if r.WriteBytesPerSecond > 0 {
		l.want[writing] = r.WriteBytesPerSecond
	}
	return l, nil
}

// String says what is limited, in the order of the ways' names.
func (l *limits) String() string {
	var out []string
	for _, x := range slices.SortedFunc(maps.Keys(l.want), func(a, b way) int { return strings.Compare(a.name, b.name) }) {
		out = append(out, fmt.Sprintf("%s limit of %d bytes per second", x.name, l.want[x]))
	}
	return strings.Join(out, ", ") + " on device " + strings.Join(l.devices, ", ")
}

func (l *limits) check() error {
	for _, dev := range l.devices {
		for x, rate := range l.want {
			if now, err := l.read(x, dev); err != nil || now != rate {
				return errors.Join(err, fmt.Errorf("resource: %s limit on device %s is %d bytes per second, want %d", x.name, dev, now, rate))
			}
		}
	}
	return nil
}

// clear removes our limits; one that somebody else has changed meanwhile is theirs. A cgroup that is gone took them with it.
func (l *limits) clear() error {
	var errs []error
	for _, dev := range l.devices {
		for x, rate := range l.want {
			now, err := l.read(x, dev)
			if err == nil && now == rate {
				if err = l.write(x, dev, 0); err == nil {
					now, err = l.read(x, dev)
				}
				if err == nil && now != 0 {
					err = fmt.Errorf("resource: the %s limit on device %s is still %d", x.name, dev, now)
				}
			}
			if !errors.Is(err, fs.ErrNotExist) {
				errs = append(errs, err)
			}
		}
	}
	return errors.Join(errs...)
}

// path is the file of one way.
func (l *limits) path(x way) string {
	if l.group.unified(blkio) {
		return filepath.Join(l.dir, "io.max")
	}
	return filepath.Join(l.dir, x.file)
}

// read is the limit now in bytes per second, 0 for none. Lines are "8:0 1048576" on v1, "8:0 rbps=1048576 wbps=max ..." on v2.
func (l *limits) read(x way, dev string) (int64, error) {
	text, err := os.ReadFile(l.path(x))
	if err != nil {
		return 0, fmt.Errorf("disk limits (is the cgroup controller on?): %w", err)
	}
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		if len(f) < 2 || f[0] != dev {
			continue
		}
		for _, word := range f[1:] {
			value, ours := strings.CutPrefix(word, x.key+"=")
			if ours == l.group.unified(blkio) && value != "max" {
				return strconv.ParseInt(value, 10, 64)
			}
		}
	}
	return 0, nil
}

// write sets the limit, 0 for none.
func (l *limits) write(x way, dev string, rate int64) error {
	value := strconv.FormatInt(rate, 10)
	if l.group.unified(blkio) {
		if rate == 0 {
			value = "max"
		}
		value = x.key + "=" + value
	}
	if err := os.WriteFile(l.path(x), []byte(dev+" "+value), 0); err != nil {
		return fmt.Errorf("%s limit on device %s: %w", x.name, dev, err)
	}
	return nil
}
