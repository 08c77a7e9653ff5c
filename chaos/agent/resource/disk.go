//go:build linux

package resource

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"gauntlet/chaos"
)

// fillPrefix begins the name of each file that takes up space; the disturbance's id follows.
const fillPrefix = ".gauntlet-fill-"

// fill is a file in the target that takes up space.
type fill struct {
	dir  *os.Root // held open, so that the file can be removed when the target's process is gone
	name string
	size int64
}

// space is what a file system has, in bytes.
type space struct {
	used, free int64 // free for users: what df counts
	ram        bool  // a tmpfs
	own        bool  // it has a size of its own, so that filling it can't hurt the host
}

// level is the used share as df prints it.
func (s space) level() float64 { return float64(s.used) / float64(max(1, s.used+s.free)) }

// fillDisk creates the file, in one piece where the file system can.
func (w *Worker) fillDisk(ctx context.Context, id string, r *chaos.ResourceLoad) (load, string, error) {
	dir, err := w.folder(r.DiskPath)
	if err != nil {
		return nil, "", err
	}
	f := &fill{dir: dir, name: fillName(id)}
	before, err := spaceOf(dir)
	if err == nil {
		f.size, err = bytesToFill(before, r)
	}
	if err == nil && before.ram {
		err = w.hostHas(f.size)
	}
	if err != nil {
		return nil, "", errors.Join(err, dir.Close())
	}
	if err := f.write(ctx); err != nil {
		return nil, "", errors.Join(err, f.clear())
	}
	after, err := spaceOf(dir)
	if err != nil {
		return nil, "", errors.Join(err, f.clear())
	}
	return f, fmt.Sprintf("%s/%s takes %d MiB; the file system was %.1f %% full and is %.1f %%", strings.TrimRight(r.DiskPath, "/"), f.name, f.size>>20, 100*before.level(), 100*after.level()), nil
}

// emptyDisk removes the file of an earlier worker.
func (w *Worker) emptyDisk(id string, r *chaos.ResourceLoad) error {
	if _, err := findCgroup(w.root, w.pid, w.target); err != nil {
		return fmt.Errorf("resource: can't look for a fill file in a target that does not run: %w", err)
	}
	dir, err := w.folder(r.DiskPath)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return (&fill{dir: dir, name: fillName(id)}).clear()
}

// fillName is a file name for any id.
func fillName(id string) string { return fillPrefix + url.PathEscape(id) }

// folder opens a folder as the target sees it. A path that leaves the target's root is an error.
func (w *Worker) folder(path string) (*os.Root, error) {
	root, err := os.OpenRoot(filepath.Join(w.root, "proc", strconv.Itoa(w.pid), "root"))
	if err != nil {
		return nil, fmt.Errorf("resource: the target's file system: %w", err)
	}
	defer func() { _ = root.Close() }()
	rel := strings.TrimLeft(path, "/")
	if rel == "" {
		rel = "."
	}
	dir, err := root.OpenRoot(rel)
	if err != nil {
		return nil, fmt.Errorf("resource: folder %s in the target: %w", path, err)
	}
	return dir, nil
}

func spaceOf(dir *os.Root) (space, error) {
	f, err := dir.Open(".")
	if err != nil {
		return space{}, err
	}
	defer func() { _ = f.Close() }()
	var st unix.Statfs_t
	if err := unix.Fstatfs(int(f.Fd()), &st); err != nil {
		return space{}, fmt.Errorf("resource: space of the file system: %w", err)
	}
	var file unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &file); err != nil {
		return space{}, err
	}
	const loop = 7 // major number of loop devices
	size := int64(st.Bsize)
	s := space{used: int64(st.Blocks-st.Bfree) * size, free: int64(st.Bavail) * size, ram: st.Type == unix.TMPFS_MAGIC}
	s.own = s.ram || unix.Major(file.Dev) == loop
	return s, nil
}

// bytesToFill is how large the file must be.
func bytesToFill(s space, r *chaos.ResourceLoad) (int64, error) {
	need := r.DiskBytes
	if r.DiskShare > 0 {
		need = int64(r.DiskShare*float64(s.used+s.free)) - s.used
	}
	if need <= 0 {
		return 0, fmt.Errorf("resource: the file system is %.1f %% full already: %w", 100*s.level(), chaos.ErrWrongState)
	}
	room := s.free
	if !s.own {
		room -= spare
	}
	if need > room {
		return 0, fmt.Errorf("resource: %d bytes are to be taken, but only %d may be (%d MiB stay free on a file system that may be the host's own): %w", need, max(0, room), spare>>20, chaos.ErrRefused)
	}
	return need, nil
}

// write makes the file.
func (f *fill) write(ctx context.Context) error {
	file, err := f.dir.OpenFile(f.name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	err = unix.Fallocate(int(file.Fd()), 0, 0, f.size)
	for errors.Is(err, unix.EINTR) && ctx.Err() == nil {
		err = unix.Fallocate(int(file.Fd()), 0, 0, f.size)
	}
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENOSYS) {
		err = writeZeros(ctx, file, f.size)
	}
	return errors.Join(err, file.Close())
}

func writeZeros(ctx context.Context, file *os.File, size int64) error {
	zeros := make([]byte, 1<<20)
	for size > 0 {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		n, err := file.Write(zeros[:min(size, int64(len(zeros)))])
		if err != nil {
			return err
		}
		size -= int64(n)
	}
	return nil
}

func (f *fill) check() error {
	info, err := f.dir.Lstat(f.name)
	if err != nil {
		return fmt.Errorf("resource: the fill file: %w", err)
	}
	if info.Size() < f.size {
		return fmt.Errorf("resource: the fill file has %d bytes, want %d", info.Size(), f.size)
	}
	return nil
}

// clear removes the file and proves that it is gone.
func (f *fill) clear() error {
	err := f.dir.Remove(f.name)
	if errors.Is(err, fs.ErrClosed) { // cleared before
		return nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("resource: remove the fill file: %w", err)
	}
	if _, err := f.dir.Lstat(f.name); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("resource: the fill file is still there: %w", err)
	}
	return f.dir.Close()
}
