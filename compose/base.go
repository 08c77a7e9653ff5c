package compose

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

const (
	baseImage        = "debian:bookworm-slim"
	baseSuite        = "bookworm"
	askRegistryLimit = 10 * time.Second // for a registry that does not answer, such as behind a firewall that drops
	pullLimit        = 5 * time.Minute  // for one that does, over a slow line
	makeLimit        = 5 * time.Minute
)

// ensureBase makes sure that the base image is there: kept, pulled, or made from the host's own apt sources.
func (e *Engine) ensureBase(ctx context.Context, log func(string)) error {
	if e.imageID(ctx, baseImage) != "" {
		return nil
	}
	log("pulling " + baseImage)
	pullErr := e.pull(ctx)
	if pullErr == nil {
		return nil
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	log("no registry can be reached; making " + baseImage + " from this host's apt sources (about half a minute)")
	if err := e.makeBase(ctx, log); err != nil {
		return fmt.Errorf("base image %s: it can't be pulled (%w) and can't be made here: %w", baseImage, pullErr, err)
	}
	return nil
}

// pull fetches the base image. A registry that does not answer a question soon does not get more time.
func (e *Engine) pull(ctx context.Context) error {
	limit := pullLimit
	if err := e.askRegistry(ctx); err != nil {
		limit = askRegistryLimit
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	_, err := command(ctx, "", nil, "docker", "pull", "--quiet", baseImage)
	return err
}

func (e *Engine) askRegistry(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, askRegistryLimit)
	defer cancel()
	_, err := e.api.DistributionInspect(ctx, baseImage, "")
	return err
}

// makeBase bootstraps Debian with mmdebstrap or debootstrap and imports it.
func (e *Engine) makeBase(ctx context.Context, log func(string)) error {
	ctx, cancel := context.WithTimeout(ctx, makeLimit)
	defer cancel()
	tool, err := bootstrapTool(ctx, log)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "gauntlet-base-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	tar := filepath.Join(dir, "base.tar")
	if err := bootstrap(ctx, tool, dir, tar); err != nil {
		return err
	}
	_, err = command(ctx, "", nil, "docker", "import", "--message", "made by gauntlet", tar, baseImage)
	return err
}

// bootstrapTool finds a tool, or installs one where it may.
func bootstrapTool(ctx context.Context, log func(string)) (string, error) {
	for _, tool := range []string{"mmdebstrap", "debootstrap"} {
		if path, err := exec.LookPath(tool); err == nil {
			return path, nil
		}
	}
	if _, err := exec.LookPath("apt-get"); err != nil {
		return "", errors.New("this host has no apt; connect it to a registry once (docker pull " + baseImage + "), or load the image (docker load)")
	}
	if os.Geteuid() != 0 {
		return "", errors.New("mmdebstrap is missing and only root may install it: sudo apt-get install mmdebstrap")
	}
	log("installing mmdebstrap with apt-get")
	if _, err := command(ctx, "", nil, "apt-get", "update"); err != nil {
		return "", err
	}
	if _, err := command(ctx, "", []string{"DEBIAN_FRONTEND=noninteractive"}, "apt-get", "install", "-y", "--no-install-recommends", "mmdebstrap"); err != nil {
		return "", err
	}
	return exec.LookPath("mmdebstrap")
}

// bootstrap writes a root file system as a tar file, with the host's sources for Debian in it, so that apt-get works in
// image builds where it works here.
func bootstrap(ctx context.Context, tool, dir, tar string) error {
	s, err := hostSources("/etc/apt")
	if err != nil {
		return err
	}
	names, err := s.write(dir)
	if err != nil {
		return err
	}
	if filepath.Base(tool) == "mmdebstrap" {
		args := append([]string{"--variant=minbase", "--include=ca-certificates", baseSuite, tar}, names...)
		_, err := command(ctx, "", nil, tool, args...)
		return err
	}
	root := filepath.Join(dir, "root")
	if _, err := command(ctx, "", nil, tool, "--variant=minbase", "--include=ca-certificates", baseSuite, root, s.mirror); err != nil {
		return err
	}
	if _, err := s.write(filepath.Join(root, "etc/apt/sources.list.d")); err != nil {
		return err
	}
	_, err = command(ctx, "", nil, "tar", "-C", root, "--numeric-owner", "-cf", tar, ".")
	return err
}
