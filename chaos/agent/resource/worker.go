//go:build linux

package resource

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"gauntlet/chaos"
)

// load is one ResourceLoad at work.
type load interface {
	check() error
	clear() error // idempotent
}

// Worker is the agent.Worker for chaos.VerbResource on one target.
type Worker struct {
	root   string // "/", or in tests a folder that looks like it
	target string // the container's id
	pid    int    // its first process, as the host counts
	exe    string // what to start for a child
	at     map[string]load
	ended  map[string]bool // ids that this worker cleared
}

// New makes a worker for the container targetID, whose first process has that PID on the host. It uses up nothing yet.
func New(targetID string, pid int) *Worker {
	return &Worker{root: "/", target: targetID, pid: pid, exe: "/proc/self/exe", at: map[string]load{}, ended: map[string]bool{}}
}

// Apply begins to use up what op says under the name id.
func (w *Worker) Apply(ctx context.Context, id string, op chaos.Op) (string, error) {
	kind, err := kindOf(op)
	if err != nil {
		return "", err
	}
	if err := w.Clear(ctx, id, op); err != nil {
		return "", err
	}
	g, err := findCgroup(w.root, w.pid, w.target)
	if err != nil {
		return "", err
	}
	var l load
	var proof string
	switch kind {
	case "cpu":
		l, proof, err = w.burn(ctx, g, op.Resource)
	case "memory":
		l, proof, err = w.fillMemory(ctx, g, op.Resource)
	case "io":
		l, proof, err = w.throttle(g, op.Resource)
	case "disk":
		l, proof, err = w.fillDisk(ctx, id, op.Resource)
	}
	if err != nil {
		return "", err
	}
	w.at[id] = l
	delete(w.ended, id)
	return proof, nil
}

// Check reads back whether id still holds: the child lives and is in the target's cgroup, the limit is set, the file is there.
func (w *Worker) Check(_ context.Context, id string) error {
	l, ok := w.at[id]
	if !ok {
		return fmt.Errorf("resource: nothing is used up as %q", id)
	}
	return l.check()
}

// Clear ends id. In a new process it removes what outlives an old one: limits, as far as they are those of op, and the file.
func (w *Worker) Clear(_ context.Context, id string, op chaos.Op) error {
	if l, ok := w.at[id]; ok {
		err := l.clear()
		if err == nil {
			delete(w.at, id)
			w.ended[id] = true
		}
		return err
	}
	if w.ended[id] {
		return nil
	}
	kind, err := kindOf(op)
	if err != nil {
		return err
	}
	switch kind {
	case "io":
		return w.unthrottle(op.Resource)
	case "disk":
		return w.emptyDisk(id, op.Resource)
	}
	return nil // a child ends with its worker
}

// Close clears all that this worker applied.
func (w *Worker) Close() error {
	var errs []error
	for _, id := range slices.Sorted(maps.Keys(w.at)) {
		errs = append(errs, w.at[id].clear())
	}
	clear(w.at)
	return errors.Join(errs...)
}

// kindOf says which group of an operation is set, and fails unless it is exactly one with values that can be.
func kindOf(op chaos.Op) (string, error) {
	r := op.Resource
	if op.Verb != chaos.VerbResource || r == nil {
		return "", fmt.Errorf("resource: can't carry out %q", op.Verb)
	}
	var kinds []string
	add := func(kind string, values ...float64) error {
		if slices.Min(values) < 0 {
			return fmt.Errorf("resource: %s: a value is negative", kind)
		}
		if slices.Max(values) > 0 {
			kinds = append(kinds, kind)
		}
		return nil
	}
	err := errors.Join(
		add("cpu", r.CPUs),
		add("memory", r.MemoryShare, float64(r.MemoryBytes)),
		add("io", float64(r.ReadBytesPerSecond), float64(r.WriteBytesPerSecond)),
		add("disk", r.DiskShare, float64(r.DiskBytes)))
	if err != nil {
		return "", err
	}
	if len(kinds) != 1 {
		return "", fmt.Errorf("resource: want exactly one of CPUs, memory, disk bandwidth, disk space; got %v", kinds)
	}
	if r.MemoryShare > 1 || r.DiskShare > 1 {
		return "", errors.New("resource: a share is more than 1")
	}
	if r.MemoryShare > 0 && r.MemoryBytes > 0 || r.DiskShare > 0 && r.DiskBytes > 0 {
		return "", errors.New("resource: a share and a number of bytes exclude each other")
	}
	if kinds[0] == "disk" && r.DiskPath == "" {
		return "", errors.New("resource: disk_path: name a folder in the target")
	}
	if r.CPUs > maxCPUs {
		return "", fmt.Errorf("resource: %v CPUs, want at most %d", r.CPUs, maxCPUs)
	}
	return kinds[0], nil
}
