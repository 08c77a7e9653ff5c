//go:build linux

package netfault

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// early is how long before its time a packet may go on: less than a wake-up costs.
const early = 20 * time.Microsecond

// loop serves all queues in one thread of its own, which sleeps in the kernel until a packet comes or is due.
//
// Note: Go's timers wake up at whole milliseconds when the process is otherwise idle, and one timer per packet reorders them.
type loop struct {
	start time.Time
	wake  int // eventfd: look at ports or stopped again
	wait  sync.WaitGroup

	mu      sync.Mutex
	ports   []*port
	stopped bool
	failed  error

	fds  []unix.PollFd // of the thread alone, as is till
	till unix.Timespec
}

func newLoop() (*loop, error) {
	wake, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("eventfd: %w", err)
	}
	l := &loop{start: time.Now(), wake: wake}
	l.wait.Go(l.run)
	return l, nil
}

// run keeps its thread to itself, and the thread ends with it, since it alters the thread's timers.
func (l *loop) run() {
	runtime.LockOSThread()
	_ = unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0)
	hurry()
	for {
		fds, wait, on := l.watch()
		if !on {
			return
		}
		if _, err := unix.Ppoll(fds, wait, nil); err != nil && !errors.Is(err, unix.EINTR) {
			l.mu.Lock()
			l.failed = fmt.Errorf("poll: %w", err)
			l.mu.Unlock()
			return
		}
		if fds[0].Revents != 0 {
			var count [8]byte
			_, _ = unix.Read(l.wake, count[:])
		}
		l.serve()
	}
}

// hurry lets this thread run before others, so that a busy machine does not make delays longer. It needs CAP_SYS_NICE; without,
// all works, less precisely on a busy machine. With one processor, it might keep the thread waiting that it waits for.
//
// Note: a nice value alone would not do: it counts within a session or container only.
func hurry() {
	if runtime.NumCPU() == 1 {
		return
	}
	rr := unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_RR, Priority: 1, Flags: unix.SCHED_FLAG_RESET_ON_FORK}
	if unix.SchedSetAttr(0, &rr, 0) != nil {
		_ = unix.Setpriority(unix.PRIO_PROCESS, unix.Gettid(), -15)
	}
}

// watch says what to wait for and how long; nil is for ever.
func (l *loop) watch() (fds []unix.PollFd, wait *unix.Timespec, on bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	fds = append(l.fds[:0], unix.PollFd{Fd: int32(l.wake), Events: unix.POLLIN})
	next, any := time.Duration(0), false
	for _, p := range l.ports {
		fds = append(fds, unix.PollFd{Fd: int32(p.conn.FD()), Events: unix.POLLIN})
		if due, ok := p.next(); ok && (!any || due < next) {
			next, any = due, true
		}
	}
	if any {
		l.till = unix.NsecToTimespec(max(int64(next-l.now()), 0))
		wait = &l.till
	}
	l.fds = fds
	return fds, wait, !l.stopped
}

func (l *loop) now() time.Duration { return time.Since(l.start) }

// turns is how many mailboxes of one port are emptied before others get their turn, and those who wait for the loop.
const turns = 8

// serve reads what has come and lets go what is due.
func (l *loop) serve() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, p := range l.ports {
		for range turns {
			now := l.now()
			more := p.read(now)
			p.release(now + early)
			p.flush()
			if !more {
				break
			}
		}
	}
}

func (l *loop) poke() {
	_, _ = unix.Write(l.wake, []byte{1, 0, 0, 0, 1, 0, 0, 0}) // not 0 in any byte order
}

// add begins to serve ports.
func (l *loop) add(ports ...*port) {
	l.mu.Lock()
	l.ports = append(l.ports, ports...)
	l.mu.Unlock()
	l.poke()
}

// settle is how long a packet may take from a rule that has just been taken away to its queue.
const settle = 2 * time.Millisecond

// remove lets all that waits in ports go on, and ends them. No rule may lead to them any more.
func (l *loop) remove(ports ...*port) error {
	if len(ports) == 0 {
		return nil
	}
	l.drain(ports)
	time.Sleep(settle)
	l.drain(ports)
	l.mu.Lock()
	l.ports = slices.DeleteFunc(l.ports, func(p *port) bool { return slices.Contains(ports, p) })
	l.mu.Unlock()
	l.poke()
	var errs []error
	for _, p := range ports {
		errs = append(errs, p.close())
	}
	return errors.Join(errs...)
}

func (l *loop) drain(ports []*port) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, p := range ports {
		now := l.now()
		p.drain(now)
		for p.read(now) {
			p.release(now)
		}
		p.release(now)
		p.flush()
	}
}

// alive is nil as long as the loop runs.
func (l *loop) alive() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stopped {
		return errors.New("packet loop has stopped")
	}
	return l.failed
}

// stop ends the loop and waits for it. Ports must have been removed.
func (l *loop) stop() error {
	l.mu.Lock()
	l.stopped = true
	l.mu.Unlock()
	l.poke()
	l.wait.Wait()
	return unix.Close(l.wake)
}
