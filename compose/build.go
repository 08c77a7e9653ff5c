package compose

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/image"
)

// labelHash marks an image with the hash of all that it was made of.
const labelHash = "gauntlet.hash"

// buildLimit bounds the build of one image; on 2 cores the largest takes about a minute.
const buildLimit = 10 * time.Minute

// imageName is what the topologies call an image.
func imageName(target string) string { return "gauntlet/" + target + ":latest" }

// AppImage is the image that holds the harness's own executable, for helpers in containers.
func (e *Engine) AppImage() string { return imageName("app") }

// Build makes the images that t needs. What is there and was made of the same inputs is kept.
func (e *Engine) Build(ctx context.Context, t Topology, log func(string)) error {
	if err := e.ensureBase(ctx, log); err != nil {
		return err
	}
	inputs, err := e.inputs(ctx, t, log)
	if err != nil {
		return err
	}
	for _, target := range t.Targets {
		if err := e.buildTarget(ctx, target, inputs[target], log); err != nil {
			return fmt.Errorf("image %s: %w", imageName(target), err)
		}
	}
	return nil
}

// input is what an image is made of: the folder of the build and the hash of its contents.
type input struct {
	dir  func() (string, error) // writes the build context
	hash string
}

// inputs computes the hash of each target's inputs.
func (e *Engine) inputs(ctx context.Context, t Topology, log func(string)) (map[string]input, error) {
	base, err := hashImages(e.imageID(ctx, baseImage))
	if err != nil {
		return nil, err
	}
	out := map[string]input{}
	for _, target := range t.Targets {
		if target != "app" {
			out[target] = input{hash: base, dir: func() (string, error) { return writeContext("") }}
			continue
		}
		exe, err := e.executable(ctx, log)
		if err != nil {
			return nil, err
		}
		sum, err := hashFile(exe)
		if err != nil {
			return nil, err
		}
		out[target] = input{hash: base[:8] + sum[:8], dir: func() (string, error) { return writeContext(exe) }}
	}
	return out, nil
}

// buildTarget builds one stage of the Dockerfile, unless the image is there already.
func (e *Engine) buildTarget(ctx context.Context, target string, in input, log func(string)) error {
	if e.imageHash(ctx, imageName(target)) == in.hash {
		return nil
	}
	began := time.Now()
	log("building image " + imageName(target))
	dir, err := in.dir()
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	ctx, cancel := context.WithTimeout(ctx, buildLimit)
	defer cancel()
	before := e.imageID(ctx, imageName(target))
	if _, err := command(ctx, dir, nil, "docker", "build", "--target", target, "--tag", imageName(target), "--label", labelHash+"="+in.hash, "."); err != nil {
		return err
	}
	log(fmt.Sprintf("built image %s in %.0f s", imageName(target), time.Since(began).Seconds()))
	return e.forget(ctx, before, imageName(target))
}

// forget removes the image that a new one took the name of, unless a container still uses it.
func (e *Engine) forget(ctx context.Context, id, name string) error {
	if id == "" || id == e.imageID(ctx, name) {
		return nil
	}
	_, err := e.api.ImageRemove(ctx, id, image.RemoveOptions{PruneChildren: false})
	if errdefs.IsNotFound(err) || errdefs.IsConflict(err) {
		return nil
	}
	return err
}

// writeContext writes the build context into a new folder; exe is the harness's executable, "" for images without it.
func writeContext(exe string) (string, error) {
	dir, err := os.MkdirTemp("", "gauntlet-build-")
	if err != nil {
		return "", err
	}
	images, err := fs.Sub(files, "images")
	if err == nil {
		err = os.CopyFS(dir, images)
	}
	if err == nil && exe != "" {
		err = copyFile(filepath.Join(dir, "gauntlet"), exe, 0o755)
	}
	if err != nil {
		return "", errors.Join(err, os.RemoveAll(dir))
	}
	return dir, nil
}

func copyFile(to, from string, mode os.FileMode) error {
	src, err := os.Open(from)
	if err != nil {
		return err
	}
	defer src.Close()
	dst, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, mode)
	if err != nil {
		return err
	}
	_, err = io.Copy(dst, src)
	return errors.Join(err, dst.Close())
}

// hashImages is the hash of the embedded build context and the base image.
func hashImages(base string) (string, error) {
	h := sha256.New()
	fmt.Fprintln(h, base)
	var names []string
	err := fs.WalkDir(files, "images", func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			names = append(names, path)
		}
		return err
	})
	if err != nil {
		return "", err
	}
	slices.Sort(names)
	for _, name := range names {
		text, err := files.ReadFile(name)
		if err != nil {
			return "", err
		}
		fmt.Fprintln(h, name, len(text))
		h.Write(text)
	}
	return hex.EncodeToString(h.Sum(nil))[:16], nil
}

func hashFile(name string) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil))[:16], nil
}

// imageID is the id of a local image, "" if there is none.
func (e *Engine) imageID(ctx context.Context, name string) string {
	info, err := e.api.ImageInspect(ctx, name)
	if err != nil {
		return ""
	}
	return info.ID
}

// imageHash is the label that Build put on a local image, "" if there is none.
func (e *Engine) imageHash(ctx context.Context, name string) string {
	info, err := e.api.ImageInspect(ctx, name)
	if err != nil || info.Config == nil {
		return ""
	}
	return strings.TrimSpace(info.Config.Labels[labelHash])
}
