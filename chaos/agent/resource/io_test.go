//go:build linux

package resource

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gauntlet/chaos"
)

// hostMounts is /proc/1/mountinfo of a host with Docker's folder on a disk of its own.
const hostMounts = `22 1 8:1 / / rw - ext4 /dev/sda1 rw
23 22 0:21 / /proc rw - proc proc rw
24 22 259:2 / /var/lib/docker rw shared:1 - xfs /dev/nvme0n1p2 rw
`

// targetMounts is that of a container.
const targetMounts = `100 90 0:55 / / rw - overlay overlay rw,lowerdir=/var/lib/docker/overlay2/l/A,upperdir=/var/lib/docker/overlay2/B/diff,workdir=/var/lib/docker/overlay2/B/work
101 100 0:56 / /proc rw - proc proc rw
102 100 0:57 / /with\040blank rw - tmpfs tmpfs rw,size=64k
103 100 8:1 /var/data /data rw master:1 - ext4 /dev/sda1 rw
`

// disks are partitions 8:1 and 259:2 of disks 8:0 and 259:0.
func disks(t *testing.T, root string) {
	t.Helper()
	for _, d := range []struct{ dev, disk, part, whole string }{{"8:1", "sda", "sda1", "8:0"}, {"259:2", "nvme0n1", "nvme0n1p2", "259:0"}} {
		folder := filepath.Join(root, "sys/devices", d.disk, d.part)
		err := errors.Join(os.MkdirAll(folder, 0o755), os.MkdirAll(filepath.Join(root, "sys/dev/block"), 0o755),
			os.WriteFile(filepath.Join(folder, "partition"), []byte("1\n"), 0o644),
			os.WriteFile(filepath.Join(folder, "..", "dev"), []byte(d.whole+"\n"), 0o644),
			os.Symlink("../../devices/"+d.disk+"/"+d.part, filepath.Join(root, "sys/dev/block", d.dev)))
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestDevicesOf(t *testing.T) {
	root := tree(t, map[string]string{"proc/1/mountinfo": hostMounts, "proc/42/mountinfo": targetMounts, "proc/43/mountinfo": "1 0 0:5 / / rw - tmpfs tmpfs rw\n"})
	disks(t, root)
	if got, err := devicesOf(root, 42); err != nil || !slices.Equal(got, []string{"259:0", "8:0"}) {
		t.Errorf("devicesOf = %v, %v; want the disks of the overlay's upper layer and of the volume", got, err)
	}
	if got, err := devicesOf(root, 43); err == nil {
		t.Errorf("devicesOf without a disk = %v, want an error", got)
	}
}

// ioTree is a target with one disk, 8:0.
func ioTree(t *testing.T, cgroup string, files map[string]string) *Worker {
	t.Helper()
	files["proc/42/cgroup"] = cgroup
	files["proc/1/mountinfo"], files["proc/42/mountinfo"] = hostMounts, "103 100 8:1 / / rw - ext4 /dev/sda1 rw\n"
	root := tree(t, files)
	disks(t, root)
	w := New(id, 42)
	w.root = root
	return w
}

func TestThrottleOnV1(t *testing.T) {
	read, write := in1("blkio", reading.file), in1("blkio", writing.file)
	w := ioTree(t, v1, map[string]string{read: "", write: ""})
	op := chaos.Op{Verb: chaos.VerbResource, Resource: &chaos.ResourceLoad{ReadBytesPerSecond: 1000, WriteBytesPerSecond: 2000}}
	if _, err := w.Apply(t.Context(), "x", op); err != nil {
		t.Fatal(err)
	}
	if got := content(t, w.root, read) + content(t, w.root, write); got != "8:0 10008:0 2000" {
		t.Errorf("limits are %q", got)
	}
	if err := w.Check(t.Context(), "x"); err != nil {
		t.Errorf("Check = %v", err)
	}
	// A file of the kernel's would have no line for the device after "8:0 0"; this one keeps the zero, which counts as none.
	if err := w.Clear(t.Context(), "x", op); err != nil || content(t, w.root, write) != "8:0 0" {
		t.Errorf("Clear = %v, file has %q", err, content(t, w.root, write))
	}
	if err := w.Check(t.Context(), "x"); err == nil {
		t.Error("Check after Clear = nil, want an error")
	}
}

func TestThrottleOnV2(t *testing.T) {
	for name, c := range map[string]struct{ cgroup, mount string }{
		"alone":     {v2, "sys/fs/cgroup"},
		"with v1":   {"4:memory:/docker/" + id + "\n" + v2, "sys/fs/cgroup"},
		"beside v1": {"4:memory:/docker/" + id + "\n" + v2, "sys/fs/cgroup/unified"},
	} {
		t.Run(name, func(t *testing.T) { throttleOnV2(t, c.cgroup, c.mount) })
	}
}

func throttleOnV2(t *testing.T, cgroup, mount string) {
	dir := mount + strings.TrimPrefix(dir2, "sys/fs/cgroup")
	file := dir + "/io.max"
	w := ioTree(t, cgroup, map[string]string{
		mount + "/cgroup.controllers": "cpuset io pids\n", dir + "/inside/cgroup.procs": "",
		file: "8:16 rbps=5 wbps=max riops=max wiops=max\n8:0 rbps=max wbps=max riops=9 wiops=max\n",
	})
	op := chaos.Op{Verb: chaos.VerbResource, Resource: &chaos.ResourceLoad{WriteBytesPerSecond: 2000}}
	proof, err := w.Apply(t.Context(), "x", op)
	if err != nil || content(t, w.root, file) != "8:0 wbps=2000" {
		t.Errorf("Apply = %q, %v, file has %q", proof, err, content(t, w.root, file))
	}
	if want := "write limit of 2000 bytes per second on device 8:0"; proof != want {
		t.Errorf("proof = %q, want %q", proof, want)
	}
	second := New(id, 42) // as after the first was killed
	second.root = w.root
	if err := second.Clear(t.Context(), "x", op); err != nil || content(t, w.root, file) != "8:0 wbps=max" {
		t.Errorf("Clear by another worker = %v, file has %q", err, content(t, w.root, file))
	}
	if err := w.Check(t.Context(), "x"); err == nil {
		t.Error("Check after somebody else cleared it = nil, want an error")
	}
	if err := w.Close(); err != nil {
		t.Errorf("Close = %v", err)
	}
}

func TestForeignLimits(t *testing.T) {
	file := dir2 + "/io.max"
	foreign := "8:0 rbps=77 wbps=max riops=max wiops=max\n"
	w := ioTree(t, v2, map[string]string{file: foreign, dir2 + "/inside/cgroup.procs": ""})
	op := chaos.Op{Verb: chaos.VerbResource, Resource: &chaos.ResourceLoad{ReadBytesPerSecond: 1000}}
	if _, err := w.Apply(t.Context(), "x", op); !errors.Is(err, chaos.ErrRefused) {
		t.Errorf("Apply = %v, want %v", err, chaos.ErrRefused)
	}
	if err := w.Clear(t.Context(), "x", op); err != nil || content(t, w.root, file) != foreign {
		t.Errorf("Clear = %v, file has %q; want it untouched", err, content(t, w.root, file))
	}
	if _, err := w.Apply(t.Context(), "x", chaos.Op{Verb: chaos.VerbResource, Resource: &chaos.ResourceLoad{WriteBytesPerSecond: 1000}}); err != nil {
		t.Errorf("Apply to the other direction = %v", err)
	}
}

func TestThrottleWithoutController(t *testing.T) {
	w := ioTree(t, v2, map[string]string{dir2 + "/inside/cgroup.procs": ""})
	op := chaos.Op{Verb: chaos.VerbResource, Resource: &chaos.ResourceLoad{ReadBytesPerSecond: 1000}}
	if _, err := w.Apply(t.Context(), "x", op); err == nil || !strings.Contains(err.Error(), "controller") {
		t.Errorf("Apply = %v, want an error about the controller", err)
	}
	if err := w.Clear(t.Context(), "x", op); err != nil {
		t.Errorf("Clear = %v", err)
	}
	w.pid = 43 // the target is gone, and its cgroup with it
	if err := w.Clear(t.Context(), "x", op); err != nil {
		t.Errorf("Clear of a target that is gone = %v", err)
	}
}
