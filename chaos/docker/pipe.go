package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/pkg/stdcopy"
)

// Pipe is a container of Gauntlet's own, with its standard input and output. When this process ends, however it ends, the engine
// closes the container's input.
type Pipe struct {
	r       *Runtime
	id      string
	conn    types.HijackedResponse
	out     *io.PipeReader
	words   tail // what it said on standard error
	copying sync.WaitGroup
}

// open makes, attaches and starts the container, in this order, so that nothing it says is missed.
func (r *Runtime) open(ctx context.Context, c *container.Config, h *container.HostConfig) (*Pipe, error) {
	c.OpenStdin, c.StdinOnce, c.AttachStdin, c.AttachStdout, c.AttachStderr = true, true, true, true, true
	c.StopSignal, c.User = "SIGTERM", "0:0"
	h.AutoRemove, h.LogConfig = true, container.LogConfig{Type: "none"}
	id, err := r.makeHelper(ctx, c, h)
	if err != nil {
		return nil, err
	}
	p := &Pipe{r: r, id: id}
	p.conn, err = r.cli.ContainerAttach(ctx, p.id, container.AttachOptions{Stream: true, Stdin: true, Stdout: true, Stderr: true})
	if err != nil {
		return nil, errors.Join(err, p.Remove(ctx))
	}
	out, in := io.Pipe()
	p.out = out
	p.copying.Go(func() {
		_, err := stdcopy.StdCopy(in, &p.words, p.conn.Reader)
		_ = in.CloseWithError(err)
	})
	if err := r.cli.ContainerStart(ctx, p.id, container.StartOptions{}); err != nil {
		return nil, errors.Join(err, p.Remove(ctx))
	}
	return p, nil
}

// makeHelper makes a helper. It is not cut short with ctx: the engine would make it all the same, and nobody would know its id.
func (r *Runtime) makeHelper(ctx context.Context, c *container.Config, h *container.HostConfig) (string, error) {
	long, cancel := context.WithTimeout(context.WithoutCancel(ctx), helperTimeout)
	defer cancel()
	created, err := r.cli.ContainerCreate(long, c, h, nil, nil, "")
	if err != nil {
		return "", err
	}
	if ctx.Err() != nil {
		return "", errors.Join(context.Cause(ctx), r.vanish(long, created.ID, true))
	}
	return created.ID, nil
}

// Read reads what the container says on its standard output.
func (p *Pipe) Read(b []byte) (int, error) { return p.out.Read(b) }

// Write writes to the container's standard input.
func (p *Pipe) Write(b []byte) (int, error) { return p.conn.Conn.Write(b) }

// CloseWrite closes the container's standard input.
func (p *Pipe) CloseWrite() error { return p.conn.CloseWrite() }

// Close lets go of the container, which closes its standard input. It does not wait.
func (p *Pipe) Close() error {
	_ = p.out.Close()
	return p.conn.Conn.Close()
}

// LastWords are the last lines that the container wrote to standard error, in one line.
func (p *Pipe) LastWords() string { return p.words.String() }

// Remove closes the pipe and waits until the engine has no such container any more, even if ctx is over.
func (p *Pipe) Remove(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), helperTimeout)
	defer cancel()
	if p.out != nil {
		_ = p.Close() // it may be closed already
	}
	err := p.r.vanish(ctx, p.id, true)
	p.copying.Wait()
	return err
}

// vanish removes a container, whatever it does, perhaps with its volumes without a name, and waits until the engine has no such
// container any more.
func (r *Runtime) vanish(ctx context.Context, id string, volumes bool) error {
	err := r.cli.ContainerRemove(ctx, id, container.RemoveOptions{Force: true, RemoveVolumes: volumes})
	if err != nil && !errdefs.IsNotFound(err) && !errdefs.IsConflict(err) { // conflict: it is being removed already
		return fmt.Errorf("remove %s: %w", short(id), err)
	}
	return r.awaitGone(ctx, id)
}

func (r *Runtime) awaitGone(ctx context.Context, id string) error {
	tick := time.NewTicker(confirmFirst)
	defer tick.Stop()
	for {
		if _, err := r.cli.ContainerInspect(ctx, id); errdefs.IsNotFound(err) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the engine still has %s: %w", short(id), context.Cause(ctx))
		case <-tick.C:
		}
	}
}

// tailLength is how many bytes a tail keeps.
const tailLength = 2048

// tail keeps the end of what is written to it.
type tail struct {
	mu   sync.Mutex
	text []byte
}

// Write keeps the end.
func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, b...)
	t.text = t.text[max(0, len(t.text)-tailLength):]
	return len(b), nil
}

// String is one line.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.Join(strings.Fields(string(t.text)), " ")
}
