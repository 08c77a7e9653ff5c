package compose

import (
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// executable finds or makes the static Linux executable of the harness that the app image runs.
func (e *Engine) executable(ctx context.Context, log func(string)) (string, error) {
	self, err := os.Executable()
	if err == nil && isStatic(self, e.Arch) && filepath.Base(self) == "gauntlet" {
		return self, nil
	}
	module, err := moduleDir()
	if err != nil {
		return "", fmt.Errorf("app image: this executable is not a static one for linux/%s, and %w", e.Arch, err)
	}
	dir, err := cacheDir()
	if err != nil {
		return "", err
	}
	out := filepath.Join(dir, "gauntlet-linux-"+e.Arch)
	if _, err := os.Stat(out); err != nil {
		log("building gauntlet for linux/" + e.Arch + ", which the app's containers run")
	}
	env := []string{"CGO_ENABLED=0", "GOOS=linux", "GOARCH=" + e.Arch}
	if _, err := command(ctx, module, env, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", out, "./cmd/gauntlet"); err != nil {
		return "", fmt.Errorf("app image: %w", err)
	}
	return out, nil
}

// isStatic says whether the file is a Linux executable for arch that needs no interpreter, and so runs in an empty image.
func isStatic(name, arch string) bool {
	f, err := elf.Open(name)
	if err != nil {
		return false
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			return false
		}
	}
	return runtime.GOOS == "linux" && runtime.GOARCH == arch
}

// moduleDir finds the source of this module above the working folder.
func moduleDir() (string, error) {
	if _, err := exec.LookPath("go"); err != nil {
		return "", errors.New("there is no go command to build one: install Go, or use a static build (CGO_ENABLED=0 go build ./cmd/gauntlet)")
	}
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for ; ; dir = filepath.Dir(dir) {
		text, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && strings.HasPrefix(string(text), "module gauntlet\n") {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", errors.New("the source is not above the working folder: run from the repository, or use a static build (CGO_ENABLED=0 go build ./cmd/gauntlet)")
		}
	}
}
