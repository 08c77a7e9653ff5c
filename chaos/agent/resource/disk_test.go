//go:build linux

package resource

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"gauntlet/chaos"
)

func TestBytesToFill(t *testing.T) {
	const mib = 1 << 20
	disk := space{used: 600 * mib, free: 1400 * mib}
	ram := space{used: 0, free: 100 * mib, ram: true, own: true}
	tests := []struct {
		name string
		s    space
		r    chaos.ResourceLoad
		want int64
		err  error
	}{
		{"share", disk, chaos.ResourceLoad{DiskShare: 0.5}, 400 * mib, nil},
		{"bytes", disk, chaos.ResourceLoad{DiskBytes: 5}, 5, nil},
		{"all but what is spared", disk, chaos.ResourceLoad{DiskBytes: 1400*mib - spare}, 1400*mib - spare, nil},
		{"more", disk, chaos.ResourceLoad{DiskBytes: 1400*mib - spare + 1}, 0, chaos.ErrRefused},
		{"all of a disk", disk, chaos.ResourceLoad{DiskShare: 1}, 0, chaos.ErrRefused},
		{"all of a tmpfs", ram, chaos.ResourceLoad{DiskShare: 1}, 100 * mib, nil},
		{"more than a tmpfs has", ram, chaos.ResourceLoad{DiskBytes: 101 * mib}, 0, chaos.ErrRefused},
		{"reached", disk, chaos.ResourceLoad{DiskShare: 0.3}, 0, chaos.ErrWrongState},
	}
	for _, tt := range tests {
		got, err := bytesToFill(tt.s, &tt.r)
		if got != tt.want || !errors.Is(err, tt.err) || (err == nil) != (tt.err == nil) {
			t.Errorf("%s: bytesToFill = %d, %v; want %d, %v", tt.name, got, err, tt.want, tt.err)
		}
	}
}

// diskTree is a target whose root file system is a folder.
func diskTree(t *testing.T) (w *Worker, data string) {
	t.Helper()
	root := tree(t, map[string]string{"proc/42/cgroup": v2, "target/data/keep": "x", "outside/secret": "x"})
	err := errors.Join(os.Symlink(filepath.Join(root, "target"), filepath.Join(root, "proc/42/root")), os.Symlink("../../outside", filepath.Join(root, "target/data/out")),
		os.Symlink("data", filepath.Join(root, "target/link")))
	if err != nil {
		t.Fatal(err)
	}
	w = New(id, 42)
	w.root = root
	return w, filepath.Join(root, "target/data")
}

func TestFill(t *testing.T) {
	for _, path := range []string{"/data", "data/", "/link"} {
		w, data := diskTree(t)
		op := chaos.Op{Verb: chaos.VerbResource, Resource: &chaos.ResourceLoad{DiskPath: path, DiskBytes: 3 << 20}}
		if _, err := w.Apply(t.Context(), "run/1", op); err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(data, ".gauntlet-fill-run%2F1")
		if info, err := os.Stat(file); err != nil || info.Size() != 3<<20 {
			t.Errorf("file in %s: %v, %v; want 3 MiB", path, info, err)
		}
		if err := w.Check(t.Context(), "run/1"); err != nil {
			t.Errorf("Check = %v", err)
		}
		op.Resource.DiskBytes = 1 << 20
		if _, err := w.Apply(t.Context(), "run/1", op); err != nil {
			t.Errorf("Apply again = %v", err)
		}
		if info, err := os.Stat(file); err != nil || info.Size() != 1<<20 {
			t.Errorf("file in %s after applying again: %v, %v; want 1 MiB", path, info, err)
		}
		second := New(id, 42) // as after the first was killed
		second.root = w.root
		for range 2 {
			if err := second.Clear(t.Context(), "run/1", op); err != nil {
				t.Errorf("Clear by another worker = %v", err)
			}
		}
		if err := w.Check(t.Context(), "run/1"); err == nil {
			t.Error("Check without the file = nil, want an error")
		}
		if err := w.Close(); err != nil {
			t.Errorf("Close = %v", err)
		}
		if left, err := os.ReadDir(data); err != nil || len(left) != 2 {
			t.Errorf("left in the folder: %v, %v; want the two that were there", left, err)
		}
	}
}

func TestFillStaysInside(t *testing.T) {
	w, _ := diskTree(t)
	for _, path := range []string{"/data/out", "/../outside", "/data/../../outside", "/data/keep", "/none"} {
		op := chaos.Op{Verb: chaos.VerbResource, Resource: &chaos.ResourceLoad{DiskPath: path, DiskBytes: 1}}
		if _, err := w.Apply(t.Context(), "x", op); err == nil {
			t.Errorf("Apply to %s = nil, want an error", path)
		}
	}
	if left, err := os.ReadDir(filepath.Join(w.root, "outside")); err != nil || len(left) != 1 {
		t.Errorf("outside of the target: %v, %v; want one file", left, err)
	}
}

func TestFillOfATargetThatIsGone(t *testing.T) {
	w, data := diskTree(t)
	op := chaos.Op{Verb: chaos.VerbResource, Resource: &chaos.ResourceLoad{DiskPath: "/data", DiskBytes: 1}}
	if _, err := w.Apply(t.Context(), "x", op); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(w.root, "proc/42")); err != nil {
		t.Fatal(err)
	}
	second := New(id, 42)
	second.root = w.root
	if err := second.Clear(t.Context(), "x", op); err == nil {
		t.Error("Clear by a worker that can't see the target = nil, want an error")
	}
	if err := w.Clear(t.Context(), "x", op); err != nil {
		t.Errorf("Clear by the worker that has the folder open = %v", err)
	}
	if left, err := os.ReadDir(data); err != nil || len(left) != 2 {
		t.Errorf("left in the folder: %v, %v; want the two that were there", left, err)
	}
}
