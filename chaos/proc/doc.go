// Package proc looks at a container's first process from its Linux host: is it still the same one, is it frozen, kill it.
//
// Everything here is read from /proc and the cgroup file system, which show an effect within a millisecond, where a container
// engine reports it a third of a second later. A process counts as a container's only if its cgroup path holds the
// container's id, so that a PID of another machine, of another PID namespace or of a later process is never watched or killed.
// Where that can't be seen (remote engine, Docker Desktop, another system than Linux), Find says so and callers fall back.
package proc
