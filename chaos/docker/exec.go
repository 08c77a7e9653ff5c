package docker

import (
	"bytes"
	"context"
	"fmt"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/pkg/stdcopy"
)

// execLimit bounds what a command in a container may print, in bytes: it is asked for one answer.
const execLimit = 1 << 20

// Exec runs a command in a container of the project and returns what it printed and its exit code. A container that is paused or
// down is chaos.ErrWrongState.
func (r *Runtime) Exec(ctx context.Context, id string, cmd []string) (stdout string, code int, err error) {
	info, err := r.inspect(ctx, id)
	if err != nil {
		return "", 0, err
	}
	if err := mustRun(info); err != nil {
		return "", 0, err
	}
	made, err := r.cli.ContainerExecCreate(ctx, info.ID, container.ExecOptions{Cmd: cmd, AttachStdout: true, AttachStderr: true})
	if err != nil {
		return "", 0, engineErr(nameOf(info), err)
	}
	conn, err := r.cli.ContainerExecAttach(ctx, made.ID, container.ExecAttachOptions{})
	if err != nil {
		return "", 0, engineErr(nameOf(info), err)
	}
	stop := context.AfterFunc(ctx, conn.Close)
	defer stop()
	defer conn.Close()
	out := limited{limit: execLimit}
	if _, err := stdcopy.StdCopy(&out, &limited{limit: execLimit}, conn.Reader); err != nil {
		return out.String(), 0, fmt.Errorf("%s: exec %v: %w", nameOf(info), cmd, err)
	}
	done, err := r.cli.ContainerExecInspect(ctx, made.ID)
	if err != nil {
		return out.String(), 0, engineErr(nameOf(info), err)
	}
	return out.String(), done.ExitCode, nil
}

// limited keeps the first bytes that are written to it.
type limited struct {
	bytes.Buffer
	limit int
}

// Write takes all and keeps what fits.
func (l *limited) Write(p []byte) (int, error) {
	if room := l.limit - l.Len(); room > 0 {
		l.Buffer.Write(p[:min(room, len(p))])
	}
	return len(p), nil
}
