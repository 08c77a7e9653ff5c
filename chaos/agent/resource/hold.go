//go:build linux

package resource

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// process is a handle that stays the same process whatever becomes of its number.
type process struct{ fd int }

func openProcess(pid int) (process, error) {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return process{}, fmt.Errorf("PID %d: %w", pid, err)
	}
	return process{fd}, nil
}

func (p process) close() error { return unix.Close(p.fd) }

// waitEither returns errOver when the process has ended, or nobody holds the other end of the pipe any more.
func (p process) waitEither(ctx context.Context, pipe *os.File) error {
	fds := []unix.PollFd{{Fd: int32(p.fd), Events: unix.POLLIN}, {Fd: int32(pipe.Fd()), Events: unix.POLLIN}}
	for ctx.Err() == nil {
		n, err := unix.Poll(fds, 200)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return err
		}
		if n > 0 {
			return errOver
		}
	}
	return ctx.Err()
}

// holdMemory takes so many bytes of memory and writes to each page again and again, so that none is swapped out for long.
func holdMemory(ctx context.Context, out io.Writer, bytes float64) error {
	b, err := unix.Mmap(-1, 0, int(bytes), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		return fmt.Errorf("take %.0f bytes of memory: %w", bytes, err)
	}
	defer func() { _ = unix.Munmap(b) }()
	page := os.Getpagesize()
	for round := byte(1); ctx.Err() == nil; round++ {
		for at := 0; at < len(b) && (at/page%1024 != 0 || ctx.Err() == nil); at += page {
			b[at] = round
		}
		if round == 1 {
			if _, err := fmt.Fprintln(out, "holding"); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
	return nil
}

// pileMemory takes so many bytes of memory that are not mapped: they are charged to the cgroup, but do not make this process
// one that the kernel would kill first when there are no more.
func pileMemory(ctx context.Context, out io.Writer, bytes float64) error {
	fd, err := unix.MemfdCreate("pile", unix.MFD_CLOEXEC)
	if err != nil {
		return fmt.Errorf("take memory: %w", err)
	}
	defer func() { _ = unix.Close(fd) }()
	const step = 256 << 10
	for at := int64(0); at < int64(bytes) && ctx.Err() == nil; {
		switch err := unix.Fallocate(fd, 0, at, step); {
		case err == nil:
			at += step
		case errors.Is(err, unix.ENOMEM) || errors.Is(err, unix.EINTR) || errors.Is(err, unix.ENOSPC):
			time.Sleep(time.Millisecond) // whoever was killed gives back memory a moment later
		default:
			return fmt.Errorf("take memory: %w", err)
		}
	}
	if _, err := fmt.Fprintln(out, "holding"); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}
