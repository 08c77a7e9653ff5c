//go:build linux

package resource

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"

	"gauntlet/chaos"
)

// between is nil if low <= got <= high.
func between(got, low, high float64) error {
	if got < low || got > high {
		return fmt.Errorf("is %.3f, want %.3f to %.3f", got, low, high)
	}
	return nil
}

// TestOnContainers applies each kind to a container, looks at it from outside, clears it and looks again. It is one test, so that
// it waits for its turn on the machine once.
func TestOnContainers(t *testing.T) {
	b := newBed(t)
	target := b.newTarget(t)
	worker, observer := b.newWorker(t, target), b.newObserver(t)
	t.Run("cpu", func(t *testing.T) { testCPU(t, target, worker, observer) })
	t.Run("memory", func(t *testing.T) { testMemory(t, target, worker) })
	t.Run("io", func(t *testing.T) { testIO(t, target, worker) })
	t.Run("disk", func(t *testing.T) { testDisk(t, target, worker) })
	t.Run("worker is killed", func(t *testing.T) { testWorkerIsKilled(t, target, worker, observer) })
	t.Run("target ends", func(t *testing.T) { testTargetEnds(t, b) })
	t.Run("out of memory", func(t *testing.T) { testOutOfMemory(t, b) })
}

func testCPU(t *testing.T, target, worker, observer *box) {
	// Bounds are wide, because other tests may use this machine's cores too.
	quiet := target.cores(t, 500*time.Millisecond)
	load := chaos.ResourceLoad{CPUs: 1}
	worker.apply(t, "cpu", load)
	eventually(t, "cores in use", func() error { return between(target.cores(t, 500*time.Millisecond), quiet+0.2, 1.5) })
	worker.apply(t, "cpu", chaos.ResourceLoad{CPUs: 0.1}) // replaces
	eventually(t, "cores in use", func() error { return between(target.cores(t, time.Second), quiet+0.02, 0.2) })
	if n := observer.children(t, target); n != 1 {
		t.Errorf("%v children are at work, want one", n)
	}
	worker.clear(t, "cpu", load)
	if n := observer.children(t, target); n != 0 {
		t.Errorf("%v children are at work after Clear, want none", n)
	}
	eventually(t, "cores in use after Clear", func() error { return between(target.cores(t, 500*time.Millisecond), 0, 0.05) })
}

func testMemory(t *testing.T, target, worker *box) {
	load := chaos.ResourceLoad{MemoryShare: 0.7}
	before := target.memoryShare(t)
	worker.apply(t, "memory/1", load)
	if err := between(target.memoryShare(t), 0.65, 0.8); err != nil {
		t.Errorf("memory %v of the limit", err)
	}
	more := chaos.ResourceLoad{MemoryBytes: 20 << 20}
	worker.apply(t, "memory/2", more)
	if err := between(target.memoryShare(t), 0.74, 0.95); err != nil {
		t.Errorf("memory with 20 MiB more %v of the limit", err)
	}
	if _, err := worker.ask(t, "/apply?id=x", &chaos.Op{Verb: chaos.VerbResource, Resource: &chaos.ResourceLoad{MemoryBytes: targetMemory}}); err == nil || !strings.Contains(err.Error(), "limit leaves") {
		t.Errorf("Apply of more than is left = %v, want an error", err)
	}
	worker.clear(t, "memory/1", load)
	worker.clear(t, "memory/2", more)
	eventually(t, "memory after Clear", func() error { return between(target.memoryShare(t), 0, before+0.15) })
}

func testIO(t *testing.T, target, worker *box) {
	const size = 4 << 20
	write := func() float64 { return target.number(t, fmt.Sprintf("/write?path=/data/x&bytes=%d", size)) }
	free := max(write(), write(), write())
	want := max(2, 4*free) // seconds
	load := chaos.ResourceLoad{WriteBytesPerSecond: int64(size / want)}
	worker.apply(t, "io", load)
	if got := write(); got < 3*free {
		t.Errorf("writing took %.2f s, want more than three times the %.2f s without a limit", got, free)
	} else {
		t.Logf("writing took %.3f s, with a limit %.3f s", free, got)
	}
	if _, err := worker.ask(t, "/apply?id=other", &chaos.Op{Verb: chaos.VerbResource, Resource: &chaos.ResourceLoad{WriteBytesPerSecond: 12345678}}); err == nil || !strings.Contains(err.Error(), "already") {
		t.Errorf("Apply beside another limit = %v, want an error", err)
	}
	worker.clear(t, "io", load)
	eventually(t, "writing after Clear", func() error { return between(write(), 0, want/2) })
}

func testDisk(t *testing.T, target, worker *box) {
	level := func() float64 { return target.number(t, "/df?path=/ram") }
	before := level()
	load := chaos.ResourceLoad{DiskPath: "/ram", DiskShare: 0.8}
	worker.apply(t, "disk/1", load)
	if err := between(level(), 0.79, 0.82); err != nil {
		t.Errorf("the tmpfs's level %v", err)
	}
	if _, err := worker.ask(t, "/apply?id=x", &chaos.Op{Verb: chaos.VerbResource, Resource: &chaos.ResourceLoad{DiskPath: "/ram", DiskShare: 0.5}}); err == nil || !strings.Contains(err.Error(), "already") {
		t.Errorf("Apply of a level that is reached = %v, want an error", err)
	}
	worker.clear(t, "disk/1", load)
	if got := level(); got > before+0.01 {
		t.Errorf("the tmpfs's level after Clear is %.3f, was %.3f", got, before)
	}
	volume := chaos.ResourceLoad{DiskPath: "/data", DiskBytes: 32 << 20}
	worker.apply(t, "disk/2", volume)
	worker.clear(t, "disk/2", volume)
	for _, path := range []string{"/../../..", "/data/../../..", "/none", "/subject"} {
		if _, err := worker.ask(t, "/apply?id=x", &chaos.Op{Verb: chaos.VerbResource, Resource: &chaos.ResourceLoad{DiskPath: path, DiskBytes: 1}}); err == nil {
			t.Errorf("Apply to %s = nil, want an error", path)
		}
	}
}

// testWorkerIsKilled: children go with the worker; another worker removes what stays.
func testWorkerIsKilled(t *testing.T, target, worker, observer *box) {
	before, memory := target.number(t, "/df?path=/ram"), target.memoryShare(t)
	loads := map[string]chaos.ResourceLoad{
		"cpu": {CPUs: 1}, "memory": {MemoryShare: 0.6}, "io": {ReadBytesPerSecond: 7654321}, "disk": {DiskPath: "/ram", DiskBytes: 16 << 20},
	}
	for id, load := range loads {
		worker.apply(t, id, load)
	}
	if n := observer.children(t, target); n != 2 {
		t.Errorf("%v children are at work, want two", n)
	}
	if err := worker.cli.ContainerKill(t.Context(), worker.id, "SIGKILL"); err != nil {
		t.Fatal(err)
	}
	killed := time.Now()
	eventually(t, "end of the children", func() error { return between(observer.children(t, target), 0, 0) })
	t.Logf("no child was left %s after the kill", time.Since(killed).Round(time.Millisecond))
	eventually(t, "cores in use", func() error { return between(target.cores(t, 500*time.Millisecond), 0, 0.05) })
	eventually(t, "memory", func() error { return between(target.memoryShare(t), 0, memory+0.15) })
	if err := between(target.number(t, "/df?path=/ram"), before+0.2, 0.9); err != nil {
		t.Errorf("level with the file that the worker left %v", err)
	}
	second := worker.newWorker(t, target)
	second.apply(t, "io", loads["io"]) // the same again is not a foreign limit
	for id, load := range loads {
		second.clear(t, id, load)
	}
	second.apply(t, "io again", chaos.ResourceLoad{ReadBytesPerSecond: 1234567}) // nothing is in its way
	second.clear(t, "io again", chaos.ResourceLoad{ReadBytesPerSecond: 1234567})
	if got := target.number(t, "/df?path=/ram"); got > before+0.01 {
		t.Errorf("the tmpfs's level after Clear is %.3f, was %.3f", got, before)
	}
}

// testTargetEnds: what a worker has in a target's cgroup must not be in the way of its end, nor of its next life.
func testTargetEnds(t *testing.T, b *bed) {
	target := b.newTarget(t)
	worker := b.newWorker(t, target)
	worker.apply(t, "cpu", chaos.ResourceLoad{CPUs: 0.5})
	worker.apply(t, "disk", chaos.ResourceLoad{DiskPath: "/data", DiskBytes: 1 << 20})
	if err := b.cli.ContainerKill(t.Context(), target.id, "SIGKILL"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "Check to notice", func() error {
		if _, err := worker.ask(t, "/check?id=cpu", nil); err == nil {
			return fmt.Errorf("Check is nil")
		}
		return nil
	})
	target.start(t)
	worker.clear(t, "cpu", chaos.ResourceLoad{CPUs: 0.5})
	worker.clear(t, "disk", chaos.ResourceLoad{DiskPath: "/data", DiskBytes: 1 << 20}) // of a life that is over, by the folder held open
}

// testOutOfMemory: a share of 1 is a crash.
func testOutOfMemory(t *testing.T, b *bed) {
	target := b.newTarget(t)
	worker := b.newWorker(t, target)
	load := chaos.ResourceLoad{MemoryShare: 1}
	proof, err := worker.ask(t, "/apply?id=oom", &chaos.Op{Verb: chaos.VerbResource, Resource: &load})
	if err != nil || !strings.Contains(proof, "OOM") {
		t.Errorf("Apply = %q, %v", proof, err)
	}
	eventually(t, "end of the target", func() error {
		info, err := b.cli.ContainerInspect(t.Context(), target.id)
		if err == nil && info.State.Status != container.StateExited {
			err = fmt.Errorf("it is %s", info.State.Status)
		}
		return err
	})
	worker.clear(t, "oom", load)
	target.start(t)
}
