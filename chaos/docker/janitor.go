package docker

import (
	"context"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"

	"gauntlet/chaos"
)

// JanitorSocket is where a janitor finds the engine in its container, and janitorFolder where it leaves its record.
const (
	JanitorSocket = "/engine.sock"
	janitorFolder = "/record"
)

// Options are those that the runtime was made with.
func (r *Runtime) Options() Options { return r.opts }

// Janitor starts command in a container that can reach the engine and nothing else. With a folder of this host it gets two more
// arguments, --record FILE. An engine that is not reached by a Unix socket is chaos.ErrUnsupported: a container could not reach it.
func (r *Runtime) Janitor(ctx context.Context, command []string, folder string) (*Pipe, error) {
	if r.opts.Image == "" || len(command) == 0 {
		return nil, fmt.Errorf("%w: no image and command for it were named", chaos.ErrUnsupported)
	}
	socket, ok := strings.CutPrefix(r.cli.DaemonHost(), "unix://")
	if !ok {
		return nil, fmt.Errorf("%w: the engine at %s is not on a Unix socket that a container could use", chaos.ErrUnsupported, r.cli.DaemonHost())
	}
	if runtime.GOOS != "linux" {
		socket = "/var/run/docker.sock" // the engine is in a virtual machine, and sees its own file system
	}
	if folder != "" {
		if p, err := r.openJanitor(ctx, command, socket, folder); err == nil || ctx.Err() != nil {
			return p, err
		}
		// The engine may not see this host's folders. Healing counts more than its record.
	}
	return r.openJanitor(ctx, command, socket, "")
}

func (r *Runtime) openJanitor(ctx context.Context, command []string, socket, folder string) (*Pipe, error) {
	mounts := []mount.Mount{{Type: mount.TypeBind, Source: socket, Target: JanitorSocket}}
	command = slices.Clone(command)
	if folder != "" {
		abs, err := filepath.Abs(folder)
		if err != nil {
			return nil, err
		}
		mounts = append(mounts, mount.Mount{Type: mount.TypeBind, Source: abs, Target: janitorFolder})
		command = append(command, "--record", janitorFolder+"/janitor.jsonl")
	}
	return r.open(ctx, &container.Config{Image: r.opts.Image, Entrypoint: command, Labels: map[string]string{
		labelInternal: "janitor", labelOwner: "gauntlet", labelScope: r.opts.Project,
	}}, &container.HostConfig{
		NetworkMode: "none", UsernsMode: "host", CapDrop: []string{"ALL"}, CapAdd: []string{"DAC_OVERRIDE"}, ReadonlyRootfs: true, Mounts: mounts,
		SecurityOpt: []string{"label=disable"}, Resources: container.Resources{Memory: 256 << 20},
	})
}
