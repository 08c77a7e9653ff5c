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
	for _, target := range t.Targets {
		if err := e.buildTarget(ctx, target, log); err != nil {
			return fmt.Errorf("image %s: %w", imageName(target), err)
		}
	}
	return nil
}

// build is what an image is made of.
type build struct {
	target string
	stages stages
	exe    string // the harness's executable, "" for images without it
	hash   string // of all of it
}

// executableFile is what the Dockerfile calls the harness's executable.
const executableFile = "gauntlet"

// plan finds out what a target is made of, and its hash.
func (e *Engine) plan(ctx context.Context, target string, log func(string)) (build, error) {
	text, err := files.ReadFile("images/Dockerfile")
	if err != nil {
		return build{}, err
	}
	b := build{target: target}
	if b.stages, err = stagesOf(string(text), target); err != nil {
		return build{}, err
	}
	if slices.Contains(b.stages.copies, executableFile) {
		if b.exe, err = e.executable(ctx, log); err != nil {
			return build{}, err
		}
	}
	base := ""
	if strings.Contains(b.stages.text, baseImage) {
		base = e.imageID(ctx, baseImage)
	}
	b.hash, err = b.sum(base)
	return b, err
}

// sum is a hash over the base image, the stages and the files that they take.
func (b build) sum(base string) (string, error) {
	h := sha256.New()
	fmt.Fprintf(h, "%s\n%s", base, b.stages.text)
	for _, name := range b.stages.copies {
		f, err := b.open(name)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(h, "%s\n", name)
		_, err = io.Copy(h, f)
		if err := errors.Join(err, f.Close()); err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(h.Sum(nil))[:16], nil
}

// open opens a file that the stages take: the executable, or one that is embedded.
func (b build) open(name string) (io.ReadCloser, error) {
	if name == executableFile {
		return os.Open(b.exe)
	}
	return files.Open("images/" + name)
}

// buildTarget builds one stage of the Dockerfile, unless the image is there already.
func (e *Engine) buildTarget(ctx context.Context, target string, log func(string)) error {
	b, err := e.plan(ctx, target, log)
	if err != nil || e.imageHash(ctx, imageName(target)) == b.hash {
		return err
	}
	turn, err := awaitTurn(ctx, target)
	if err != nil {
		return err
	}
	defer turn.Close()
	if e.imageHash(ctx, imageName(target)) == b.hash {
		return nil // another process has built it meanwhile
	}
	return e.buildNow(ctx, b, log)
}

// awaitTurn waits until no other process builds the image: two that give the same name to their own would each remove what the
// other has just made.
func awaitTurn(ctx context.Context, target string) (*os.File, error) {
	ctx, cancel := context.WithTimeout(ctx, buildLimit)
	defer cancel()
	for {
		f, err := lock("image-" + target)
		if !errors.Is(err, ErrBusy) {
			return f, err
		}
		if !sleep(ctx, 100*time.Millisecond) {
			return nil, fmt.Errorf("another process builds it all the while: %w", context.Cause(ctx))
		}
	}
}

func (e *Engine) buildNow(ctx context.Context, b build, log func(string)) error {
	began, target := time.Now(), b.target
	log("building image " + imageName(target))
	dir, err := b.writeContext()
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	ctx, cancel := context.WithTimeout(ctx, buildLimit)
	defer cancel()
	before := e.imageID(ctx, imageName(target))
	if _, err := command(ctx, dir, nil, "docker", "build", "--tag", imageName(target), "--label", labelHash+"="+b.hash, "."); err != nil {
		return err
	}
	log(fmt.Sprintf("built image %s in %.0f s", imageName(target), time.Since(began).Seconds()))
	e.forget(ctx, before, imageName(target), log)
	return nil
}

// forget removes the image that a new one took the name of, unless a container still uses it. One that can't be removed takes
// some space and does no other harm.
func (e *Engine) forget(ctx context.Context, id, name string, log func(string)) {
	if id == "" || id == e.imageID(ctx, name) {
		return
	}
	_, err := e.api.ImageRemove(ctx, id, image.RemoveOptions{PruneChildren: true})
	if err != nil && !errdefs.IsNotFound(err) && !errdefs.IsConflict(err) {
		log(fmt.Sprintf("the image that %s was before is left: %v", name, err))
	}
}

// writeContext writes the build context into a new folder.
func (b build) writeContext() (string, error) {
	dir, err := os.MkdirTemp("", "gauntlet-build-")
	if err != nil {
		return "", err
	}
	err = os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte(b.stages.text), 0o644)
	for _, name := range b.stages.copies {
		if err == nil {
			err = b.copy(name, filepath.Join(dir, name))
		}
	}
	if err != nil {
		return "", errors.Join(err, os.RemoveAll(dir))
	}
	return dir, nil
}

func (b build) copy(name, to string) error {
	src, err := b.open(name)
	if err != nil {
		return err
	}
	defer src.Close()
	mode := fs.FileMode(0o644)
	if name == executableFile {
		mode = 0o755
	}
	return writeFile(to, src, mode)
}

func writeFile(name string, text io.Reader, mode fs.FileMode) error {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, mode)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, text)
	return errors.Join(err, f.Close())
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
