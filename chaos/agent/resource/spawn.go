//go:build linux

package resource

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// errEnded means that a child ended by itself, so that the load is over.
var errEnded = errors.New("the child that used it up has ended")

// child is a process in the target's cgroup.
type child struct {
	group      *cgroup
	controller string // in whose cgroup it must stay

	cmd     *exec.Cmd
	in, out *os.File // our ends of its standard input and output
	words   *bufio.Reader
	errors  bytes.Buffer // may be read when over has ended
	waiting sync.WaitGroup
	over    context.Context // ends with the process
}

// spawn starts a child and moves it into the target's cgroups of these controllers. It does not begin yet.
func (w *Worker) spawn(ctx context.Context, g *cgroup, what string, amount float64, controllers ...string) (*child, error) {
	theirIn, in, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	out, theirOut, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, theirIn.Close(), in.Close())
	}
	c := &child{group: g, controller: controllers[0], in: in, out: out, words: bufio.NewReader(out)}
	c.cmd = exec.Command(w.exe, ChildVerb, what, strconv.FormatFloat(amount, 'f', -1, 64), strconv.Itoa(w.pid))
	c.cmd.Stdin, c.cmd.Stdout, c.cmd.Stderr = theirIn, theirOut, &c.errors
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	err = c.start()
	_ = theirIn.Close()
	_ = theirOut.Close()
	if err != nil {
		return nil, errors.Join(err, in.Close(), out.Close())
	}
	err = c.expect(ctx, "ready")
	if err == nil {
		err = g.join(c.cmd.Process.Pid, controllers...)
	}
	if err != nil {
		return nil, errors.Join(err, c.clear())
	}
	return c, nil
}

// start starts the process on a thread that lives as long as it does: the kernel kills the child when that thread ends.
func (c *child) start() error {
	over, ended := context.WithCancelCause(context.Background())
	c.over = over
	started := make(chan error, 1)
	c.waiting.Go(func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := c.cmd.Start()
		started <- err
		if err == nil {
			err = c.cmd.Wait()
		}
		ended(errors.Join(errEnded, err))
	})
	return <-started
}

// begin tells the child to, and waits until it has what it takes.
func (c *child) begin(ctx context.Context) error {
	if _, err := io.WriteString(c.in, "go\n"); err != nil {
		return err
	}
	return c.expect(ctx, "holding")
}

// beginUntil is begin, but gives up waiting when enough is true.
func (c *child) beginUntil(ctx context.Context, enough func() bool) error {
	ctx, stop := context.WithCancel(ctx)
	var watching sync.WaitGroup
	watching.Go(func() {
		for !enough() {
			select {
			case <-ctx.Done():
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
		stop()
	})
	err := c.begin(ctx)
	stop()
	watching.Wait()
	return err
}

// endedInPeace says whether the child ended because the target did.
func (c *child) endedInPeace() bool {
	return c.over.Err() != nil && c.cmd.ProcessState != nil && c.cmd.ProcessState.Success()
}

// expect waits for a word from the child.
func (c *child) expect(ctx context.Context, word string) error {
	stop := context.AfterFunc(ctx, func() { _ = c.out.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	got, err := c.words.ReadString('\n')
	if strings.TrimSpace(got) == word {
		return nil
	}
	if ctx.Err() != nil {
		return fmt.Errorf("wait until a child is %s: %w", word, context.Cause(ctx))
	}
	if errors.Is(err, io.EOF) {
		<-c.over.Done()
		return fmt.Errorf("%w: %w: %s", context.Cause(c.over), err, bytes.TrimSpace(c.errors.Bytes()))
	}
	return fmt.Errorf("a child said %q, want %s: %w", got, word, err)
}

// check says whether the child lives and is where it should be.
func (c *child) check() error {
	if c.over.Err() != nil {
		return fmt.Errorf("resource: %w %s", context.Cause(c.over), bytes.TrimSpace(c.errors.Bytes()))
	}
	return c.group.holds(c.cmd.Process.Pid, c.controller)
}

// clear kills the child and waits until the kernel has taken back what it held.
func (c *child) clear() error {
	err := c.cmd.Process.Kill()
	if errors.Is(err, os.ErrProcessDone) {
		err = nil
	}
	c.waiting.Wait()
	_ = c.in.Close() // a second clear finds them closed
	_ = c.out.Close()
	return err
}
