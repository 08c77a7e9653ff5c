package chaos

import (
	"fmt"
	"path"
)

// CPU takes processor time from the targets: by a limit (Quota), or by burning cores in their own cgroup (Burn).
type CPU struct {
	Quota float64 // cores that each target may use, 0.01 to 1024
	Burn  float64 // cores that are burnt in each target's cgroup, up to 64
}

// Kind is "cpu".
func (*CPU) Kind() string { return "cpu" }

// Check wants exactly one of the two.
func (c *CPU) Check() error {
	switch {
	case (c.Quota > 0) == (c.Burn > 0):
		return fmt.Errorf("%w: cpu: write quota or burn", ErrBadStep)
	case c.Quota != 0 && (c.Quota < 0.01 || c.Quota > 1024):
		return fmt.Errorf("%w: cpu: quota %g: write 0.01 to 1024", ErrBadStep, c.Quota)
	case c.Burn < 0 || c.Burn > 64:
		return fmt.Errorf("%w: cpu: burn %g: write up to 64", ErrBadStep, c.Burn)
	}
	return nil
}

// Plan limits or loads each target. A limit is undone to what it was before.
func (c *CPU) Plan(_ Scene, on []Container) ([]Action, error) {
	if c.Burn > 0 {
		return load(on, ResourceLoad{CPUs: c.Burn}), nil
	}
	var out []Action
	for _, t := range on {
		if t.Quota > 0 && t.Quota <= c.Quota {
			return nil, fmt.Errorf("%w: cpu: %s is limited to %.3g CPUs already", ErrWrongState, t.Name, t.Quota)
		}
		out = append(out, Action{
			Target: Target{ID: t.ID, Name: t.Name}, Do: Op{Verb: VerbQuota, CPUs: c.Quota}, Undo: []Op{{Verb: VerbQuota, CPUs: t.Quota}},
		})
	}
	return out, nil
}

// load plans the same load in every target.
func load(on []Container, l ResourceLoad) []Action {
	do := Op{Verb: VerbResource, Resource: &l}
	return each(on, do, revoke(do)...)
}

// Memory fills memory in the targets' own cgroups.
type Memory struct {
	Share float64 // of the target's limit, (0,1]; at 1 the kernel's OOM killer acts
	Bytes int64   // or so many bytes more
}

// Kind is "memory".
func (*Memory) Kind() string { return "memory" }

// Check wants exactly one of the two.
func (m *Memory) Check() error {
	if (m.Share != 0) == (m.Bytes != 0) {
		return fmt.Errorf("%w: memory: write share or bytes", ErrBadStep)
	}
	return checkRatio("memory", "share", m.Share, true)
}

// Plan fills each target's memory.
func (m *Memory) Plan(_ Scene, on []Container) ([]Action, error) {
	return load(on, ResourceLoad{MemoryShare: m.Share, MemoryBytes: m.Bytes}), nil
}

// IO throttles the targets' disks.
type IO struct {
	Read  int64 // bytes per second, 4096 or more; 0 is no limit
	Write int64 // bytes per second, 4096 or more; 0 is no limit
}

// Kind is "io".
func (*IO) Kind() string { return "io" }

// Check wants one of the two at least.
func (i *IO) Check() error {
	if i.Read == 0 && i.Write == 0 {
		return fmt.Errorf("%w: io: write read or write", ErrBadStep)
	}
	if i.Read != 0 && i.Read < 4096 || i.Write != 0 && i.Write < 4096 {
		return fmt.Errorf("%w: io: write 4096 B per second or more", ErrBadStep)
	}
	return nil
}

// Plan throttles each target.
func (i *IO) Plan(_ Scene, on []Container) ([]Action, error) {
	return load(on, ResourceLoad{ReadBytesPerSecond: i.Read, WriteBytesPerSecond: i.Write}), nil
}

// Disk fills a file system of the targets.
type Disk struct {
	Path  string  // a folder in the target, absolute
	Share float64 // fill its file system up to this share, (0,1]
	Bytes int64   // or by so many bytes
}

// Kind is "disk".
func (*Disk) Kind() string { return "disk" }

// Check wants a folder and exactly one measure.
func (d *Disk) Check() error {
	if !path.IsAbs(d.Path) || path.Clean(d.Path) != d.Path {
		return fmt.Errorf("%w: disk: path %q: write an absolute folder, such as /var/lib/data", ErrBadStep, d.Path)
	}
	if (d.Share != 0) == (d.Bytes != 0) {
		return fmt.Errorf("%w: disk: write share or bytes", ErrBadStep)
	}
	return checkRatio("disk", "share", d.Share, true)
}

// Plan fills each target's disk.
func (d *Disk) Plan(_ Scene, on []Container) ([]Action, error) {
	return load(on, ResourceLoad{DiskPath: d.Path, DiskShare: d.Share, DiskBytes: d.Bytes}), nil
}
