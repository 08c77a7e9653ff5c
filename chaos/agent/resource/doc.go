// Package resource uses up what a target has: CPU, memory, disk bandwidth, disk space, always within the target's own limits and
// charged to its own cgroup, on cgroup v1 and v2.
//
// The worker needs the host's process ids, the host's cgroup file system writable at /sys/fs/cgroup, and either root on the host or
// a container with SYS_PTRACE, SYS_ADMIN, KILL and DAC_OVERRIDE that no AppArmor profile confines. It must have no small memory limit of its own: what it writes to a tmpfs counts as its own.
//
// CPU and memory are used by child processes (see Child) that are moved into the target's cgroup. They end with the worker and
// with the target, however those end. They are not in the target's freezer on cgroup v1: a paused target keeps burning there.
// Limits of disk bandwidth and fill files outlive a worker that is killed; Clear removes them in a new process too.
//
// Disk bandwidth is limited for the block devices behind the target's file systems. On cgroup v1 the kernel counts reads, direct
// writes and what fsync writes out, but not the write-back of the page cache; on v2 it counts that too. A root file system
// behind FUSE (fuse-overlayfs) is read and written by a process outside the target and can't be limited; its volumes can.
package resource

// ChildVerb is the first argument with which a worker starts its own executable again; what it does then is Child.
const ChildVerb = "resource-child"
